// What the page asks of the server: always an answer, never an exception.

import { texts } from "./texts.js";

async function ask(address, options) {
  try {
    const response = await fetch(address, { credentials: "same-origin", cache: "no-store", ...options });
    if (response.status === 401) return { ok: false, status: 401, why: texts.unauthorized };
    const body = await response.json();
    return { ok: response.ok, status: response.status, body, why: body?.error ?? String(response.status) };
  } catch {
    return { ok: false, status: 0, why: texts.noAnswer };
  }
}

export const read = (address) => ask(address, {});

const send = (method, address, body) =>
  ask(address, { method, headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

export const change = (name, wishes) => send("PATCH", `/api/cameras/${name}`, wishes);
export const keepSnapshot = (name) => send("POST", `/api/cameras/${name}/snapshot`, {});
