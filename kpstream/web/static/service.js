// What the page asks of the server: always an answer, never an exception.

import { texts } from "./texts.js";

// The page may lie anywhere below its host, behind a proxy that takes the first part of the path away.
export const addressOf = (path) => new URL(`.${path}`, document.baseURI).href;
export const socketOf = (path) => addressOf(path).replace(/^http/, "ws");

// A browser complains of a socket that is closed while it connects: such a one is closed once it has.
export function closeSocket(socket) {
  if (socket.readyState === WebSocket.CONNECTING) socket.onopen = () => socket.close();
  else socket.close();
}

async function ask(path, options) {
  try {
    const response = await fetch(addressOf(path), { credentials: "same-origin", cache: "no-store", ...options });
    if (response.status === 401) return { ok: false, status: 401, why: texts.unauthorized };
    const body = await response.json();
    return { ok: response.ok, status: response.status, body, why: body?.error ?? String(response.status) };
  } catch {
    return { ok: false, status: 0, why: texts.noAnswer };
  }
}

export const read = (path) => ask(path, {});

const send = (method, path, body) =>
  ask(path, { method, headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

export const change = (name, settings) => send("PATCH", `/api/cameras/${name}`, settings);
export const keepSnapshot = (name) => send("POST", `/api/cameras/${name}/snapshot`, {});
export const arm = (name, change) => send("PATCH", `/api/cameras/${name}/rules`, change);
export const writeShapes = (name, shapes) => send("PUT", `/api/cameras/${name}/shapes`, shapes);
export const mark = (id, marks) => send("PATCH", `/api/events/${id}`, marks);
