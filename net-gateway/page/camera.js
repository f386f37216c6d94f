//! The camera of the device that shows the page.
//!
//! Used by `own_camera.js` only. It opens one camera at a time and gives its pictures as they come;
//! what can be wrong with that is said in words by `cameraTrouble`, which is pure.

/** Longest side that is asked of the camera, in pixels: the networks look at less. */
const SIDE_PX = 640;

export class Camera {
  constructor() {
    this.video = document.createElement("video");
    this.video.muted = true;
    this.video.playsInline = true;
    this.stream = null;
    /** Called when the camera goes away by itself: unplugged, or the permission taken back. */
    this.onLost = () => {};
  }

  /**
   * Opens the camera that looks at the user, or the one that looks away.
   *
   * @param {"user"|"environment"} facing a device with one camera gives that one
   */
  async start(facing) {
    this.stop();
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: false,
      video: {
        facingMode: { ideal: facing },
        width: { ideal: SIDE_PX },
        height: { ideal: (SIDE_PX * 3) / 4 },
        frameRate: { ideal: 30 },
      },
    });
    this.stream = stream;
    const [track] = stream.getVideoTracks();
    track.addEventListener("ended", () => this.stream === stream && this.onLost());
    this.video.srcObject = stream;
    await this.video.play();
  }

  stop() {
    const { stream } = this;
    this.stream = null;
    this.video.srcObject = null;
    for (const track of stream?.getTracks() ?? []) track.stop();
  }

  /** Calls back once, at the next picture. */
  next(callback) {
    if (this.video.requestVideoFrameCallback) this.video.requestVideoFrameCallback(callback);
    else requestAnimationFrame(callback);
  }
}

/** Whether the browser lets this page have a camera at all. */
export function isCameraAllowed() {
  return window.isSecureContext && navigator.mediaDevices?.getUserMedia !== undefined;
}

/**
 * What to tell the viewer.
 *
 * @param {string} name of the error that `getUserMedia` threw, or "insecure", "no-source", "lost"
 * @returns {{title: string, detail: string}}
 */
export function cameraTrouble(name) {
  const words = {
    insecure: [
      "This page may not use the camera",
      "Browsers allow it only over https, or on the box itself at http://localhost.",
    ],
    "no-source": [
      "The box takes no camera from this page",
      'Add [sources.phone] with type = "push" to its configuration, or set gateway.anonymous_sources.',
    ],
    lost: ["The camera is gone", "It was unplugged, or the permission was taken back."],
    NotAllowedError: [
      "The camera was not allowed",
      "Allow it for this page in the browser, then press the button again.",
    ],
    NotFoundError: ["There is no camera", "Connect one, then press the button again."],
    NotReadableError: [
      "The camera does not answer",
      "Perhaps another program uses it. Close that, then press the button again.",
    ],
  };
  const [title, detail] = words[name] ?? ["The camera cannot be used", `The browser says ${name}.`];
  return { title, detail };
}
