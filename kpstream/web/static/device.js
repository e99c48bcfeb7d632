// This device's camera as the source: its pictures go to the server, one each time that it asks for one.

import { closeSocket, socketOf } from "./service.js";
import { texts } from "./texts.js";

const WANTED = { video: { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } }, audio: false };
const QUALITY = 0.8;
const IN_USE = 4409;

export class Device extends EventTarget {
  #asking = false; // its user, who may take a while
  #stream = null;
  #socket = null;
  #video = null;

  get possible() {
    return Boolean(navigator.mediaDevices?.getUserMedia);
  }

  get shared() {
    return this.#stream !== null;
  }

  async share() {
    if (!this.possible) return this.#end(texts.cameraNeedsTls);
    if (this.#asking) return;
    this.#asking = true;
    try {
      this.#stream = await navigator.mediaDevices.getUserMedia(WANTED);
    } catch (error) {
      return this.#end(error.name === "NotAllowedError" ? texts.cameraRefused : texts.cameraMissing);
    } finally {
      this.#asking = false;
    }
    const stream = this.#stream;
    stream.getVideoTracks()[0].addEventListener("ended", () => this.#stream === stream && this.#end(texts.cameraEnded));
    const video = (this.#video = document.createElement("video"));
    video.muted = video.playsInline = true;
    video.srcObject = stream;
    const plays = await video.play().then(
      () => true,
      () => false,
    );
    if (this.#video !== video) return; // it was stopped meanwhile
    if (!plays) return this.#end(texts.cameraMissing);
    this.#connect();
    this.dispatchEvent(new Event("change"));
  }

  stop() {
    this.#end("");
  }

  #connect() {
    const socket = new WebSocket(socketOf("/ws/device"));
    this.#socket = socket;
    const canvas = document.createElement("canvas");
    socket.onmessage = () => this.#send(socket, canvas);
    socket.onclose = (event) => {
      if (this.#socket !== socket) return;
      if (event.code === IN_USE) this.#end(texts.cameraInUse);
      else if (event.code === 1000 || event.code >= 4000) this.#end(texts.cameraEnded);
      else setTimeout(() => this.#socket === socket && this.#connect(), 1000);
    };
  }

  async #send(socket, canvas) {
    const video = this.#video;
    if (video === null) return;
    await nextPicture(video);
    if (this.#video !== video || !video.videoWidth) return;
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    canvas.getContext("2d", { alpha: false }).drawImage(video, 0, 0);
    canvas.toBlob((blob) => blob && socket.readyState === WebSocket.OPEN && socket.send(blob), "image/jpeg", QUALITY);
  }

  #end(why) {
    const socket = this.#socket;
    this.#socket = null;
    if (socket !== null) closeSocket(socket);
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    if (this.#video) this.#video.srcObject = null;
    this.#stream = this.#video = null;
    if (why) dispatchEvent(new CustomEvent("note", { detail: why }));
    this.dispatchEvent(new Event("change"));
  }
}

function nextPicture(video) {
  return new Promise((go) => {
    const late = setTimeout(go, 200); // a hidden tab is given no pictures; its camera still is
    const done = () => {
      clearTimeout(late);
      go();
    };
    if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(done);
    else setTimeout(done, 33);
  });
}
