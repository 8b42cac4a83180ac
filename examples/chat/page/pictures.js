// Pictures: made small before they are sent, and shown from the bytes that came.

const maxBytes = 512 * 1024; // the server takes no more
const maxSide = 1600;

/**
 * What is sent of a picture file: { bytes, format, width, height }. It is drawn anew, which
 * also leaves out what cameras write beside the picture, such as the place. Only a GIF
 * that is small enough is sent as it is, since it may move.
 */
export async function prepare(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new Error("This file is no picture that the browser can read.");
  }
  try {
    const { width, height } = bitmap;
    if (file.type === "image/gif" && file.size <= maxBytes && Math.max(width, height) <= 4096) {
      return { bytes: await file.arrayBuffer(), format: "gif", width, height };
    }
    const lossless = file.type === "image/jpeg" ? [] : [["png"]];
    for (let scale = Math.min(1, maxSide / Math.max(width, height)); ; scale *= 0.75) {
      for (const [format, quality] of [...lossless, ["jpeg", 0.86], ["jpeg", 0.7]]) {
        const canvas = draw(bitmap, scale, format);
        const blob = await new Promise((done) => canvas.toBlob(done, `image/${format}`, quality));
        if (blob && blob.size <= maxBytes) {
          return { bytes: await blob.arrayBuffer(), format, width: canvas.width, height: canvas.height };
        }
      }
    }
  } finally {
    bitmap.close();
  }
}

function draw(bitmap, scale, format) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const to = canvas.getContext("2d");
  if (format === "jpeg") { // it knows no transparency
    to.fillStyle = "#fff";
    to.fillRect(0, 0, canvas.width, canvas.height);
  }
  to.imageSmoothingQuality = "high";
  to.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas;
}

/** Gives a message's picture its bytes. Its url lives until release. */
export function fill(message, bytes) {
  if (message.url) return;
  message.url = URL.createObjectURL(new Blob([bytes], { type: `image/${message.picture.format}` }));
}

/** Lets go of what a message's picture takes. */
export function release(message) {
  if (message.url) URL.revokeObjectURL(message.url);
  message.url = undefined;
}
