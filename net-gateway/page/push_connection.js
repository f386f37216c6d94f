//! One WebSocket to `/ws/push`: sends frames, tells what comes back.
//!
//! Used by `own_camera.js` only. What comes is input: a message that is not as documented in
//! `net-gateway/README.md` is passed over.

/** "WWP1", the first four bytes of each frame. */
const MAGIC = 0x57575031;
const HEADER_LEN_BYTES = 24;

export class PushConnection {
  /**
   * @param {{welcome: (welcome: object) => void, answered: (number: number, isTaken: boolean) =>
   *   void, predicted: (prediction: object) => void, gesture: (event: object) => void, ended: (why: {error: string, retry: boolean})
   *   => void}} handlers `ended` is called once for each connection that ends by itself
   */
  constructor(handlers) {
    this.handlers = handlers;
    this.socket = null;
    this.isOpen = false;
  }

  /** Opens anew, to push to `source`. */
  open(source) {
    this.close();
    const url = new URL("ws/push", document.baseURI);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    url.searchParams.set("source", source);
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    let why = { error: "The box does not answer.", retry: true };
    socket.onmessage = (event) => {
      if (socket !== this.socket || typeof event.data !== "string") return;
      const message = parse(event.data);
      if (message?.type === "error") {
        why = { error: String(message.error), retry: message.retry === true };
      } else if (message !== null) {
        this.received(message);
      }
    };
    socket.onclose = () => {
      if (socket !== this.socket) return;
      this.close();
      this.handlers.ended(why);
    };
  }

  close() {
    const { socket } = this;
    this.socket = null;
    this.isOpen = false;
    socket?.close();
  }

  /** Sends one JPEG under a number, with the time of its capture. */
  send(number, timeUs, jpeg) {
    if (!this.isOpen) return false;
    const message = new Uint8Array(HEADER_LEN_BYTES + jpeg.byteLength);
    const view = new DataView(message.buffer);
    view.setUint32(0, MAGIC);
    view.setUint32(4, HEADER_LEN_BYTES);
    view.setBigUint64(8, BigInt(number));
    view.setBigUint64(16, BigInt(timeUs));
    message.set(new Uint8Array(jpeg), HEADER_LEN_BYTES);
    this.socket.send(message);
    return true;
  }

  received(message) {
    if (message.type === "welcome") {
      this.isOpen = true;
      this.handlers.welcome(message);
    } else if (message.type === "accepted" || message.type === "refused") {
      this.handlers.answered(message.number, message.type === "accepted");
    } else if (message.type === "prediction") {
      this.handlers.predicted(message);
    } else if (message.type === "gesture") {
      this.handlers.gesture(message);
    }
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
