// JPEGs become images that can be drawn, and must be closed.

const TYPE = "image/jpeg";

// A blob goes through another process of the browser and back. Where the page is not secure, there is no other way.
export async function decoded(bytes) {
  if (!("ImageDecoder" in globalThis)) return createImageBitmap(new Blob([bytes], { type: TYPE }));
  const decoder = new ImageDecoder({ data: bytes, type: TYPE });
  try {
    return (await decoder.decode()).image;
  } finally {
    decoder.close();
  }
}
