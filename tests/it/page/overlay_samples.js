// Watches the page for ten frames with hands, and says for each what was drawn, what the box said
// of that frame over a connection of its own, and how many joints are seen on the canvas.

new Promise((resolve) => {
  const SAMPLES = 10;
  const said = new Map();
  const url = new URL("ws", location.href);
  url.protocol = "ws:";
  url.searchParams.set("source", window.wigwag.source);
  const socket = new WebSocket(url);
  socket.onmessage = (event) => {
    const message = JSON.parse(event.data);
    if (message.type === "prediction") said.set(message.sequence, message.hands);
  };
  const canvas = document.getElementById("canvas");
  const copy = new OffscreenCanvas(canvas.width, canvas.height);
  const context = copy.getContext("2d", { willReadFrequently: true });
  const jointsSeen = (hands) => {
    context.drawImage(canvas, 0, 0);
    return hands[0].steady.landmarks.filter(([x, y]) => {
      const at = [Math.floor(x * copy.width), Math.floor(y * copy.height)];
      const [red, green, blue] = context.getImageData(...at, 1, 1).data;
      return Math.min(red, green, blue) > 215;
    }).length;
  };
  const samples = [];
  let misplaced = 0;
  const look = () => {
    const { shownSequence, overlaySequence, overlayHands } = window.wigwag;
    if (overlaySequence !== null && overlaySequence !== shownSequence) misplaced += 1;
    const isNew = samples.every((sample) => sample.sequence !== overlaySequence);
    if (isNew && overlayHands.length > 0 && said.has(overlaySequence)) {
      samples.push({
        sequence: overlaySequence,
        drawn: overlayHands,
        said: said.get(overlaySequence),
        joints: jointsSeen(overlayHands),
      });
    }
    if (samples.length < SAMPLES) requestAnimationFrame(look);
    else {
      socket.close();
      resolve({ samples, misplaced });
    }
  };
  look();
})
