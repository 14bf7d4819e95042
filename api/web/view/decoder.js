// From packets to frames in their order of presentation: WebCodecs' VideoDecoder, and JPEG by createImageBitmap.
//
// A frame is `{session, ptsUs, source, width, height, close()}`; who gets it has to close it.

const MOST_ERRORS = 3; // in a row, without a frame between them

/** Whether this browser, on this page, decodes that configuration. WebCodecs needs a secure context (HTTPS, localhost). */
export async function canDecode(configuration) {
  if (configuration.codec === "jpeg") return true;
  if (typeof VideoDecoder === "undefined") return false;
  try {
    return (await VideoDecoder.isConfigSupported(wishOf(configuration))).supported === true;
  } catch {
    return false; // a codec string that this browser cannot even read
  }
}

function wishOf({ codec, sizeWh, description }) {
  const [codedWidth, codedHeight] = sizeWh ?? [];
  return {
    codec,
    ...(codedWidth && codedHeight && { codedWidth, codedHeight }),
    ...(description && { description }),
    optimizeForLatency: true,
  };
}

export class Decoder {
  #configuration = null;
  #decoder = null; // VideoDecoder; null for JPEG
  #jpegs = 0;
  #jpegTurn = Promise.resolve();
  #needsKey = true;
  #errors = 0;
  #generation = 0;

  /** @param {(frame: object) => void} onFrame @param {(message: string, fatal: boolean) => void} onError */
  constructor(onFrame, onError) {
    this.onFrame = onFrame;
    this.onError = onError;
  }

  get configuration() {
    return this.#configuration;
  }

  /** Packets taken that were not begun yet. */
  get backlog() {
    return this.#decoder ? this.#decoder.decodeQueueSize : this.#jpegs;
  }

  configure(configuration) {
    this.reset();
    this.#configuration = configuration;
    if (configuration.codec !== "jpeg") this.#start();
  }

  /** @returns {boolean} whether the packet was of use; after an error all are not, up to the next key frame */
  decode({ kind, ptsUs, data }) {
    if (!this.#configuration) return false;
    if (kind === "jpeg") return this.#decodeJpeg(ptsUs, data);
    if (!this.#decoder || this.#decoder.state !== "configured") return false;
    if (this.#needsKey && kind !== "key") return false;
    this.#needsKey = false;
    this.#decoder.decode(new EncodedVideoChunk({ type: kind, timestamp: ptsUs, data }));
    return true;
  }

  /** Packets are missing: up to the next key frame nothing is of use. */
  awaitKey() {
    this.#needsKey = true;
  }

  /** Resolves when all that was taken has come out. */
  async flush() {
    if (!this.#decoder) return this.#jpegTurn;
    try {
      await this.#decoder.flush();
    } catch {
      return; // reset, closed or failed meanwhile: what was in it is gone anyway
    }
    this.#needsKey = true;
  }

  /** Forgets all that is in it. Idempotent; `configure` begins again. */
  reset() {
    this.#generation += 1;
    this.#needsKey = true;
    this.#configuration = null;
    if (this.#decoder && this.#decoder.state !== "closed") this.#decoder.close();
    this.#decoder = null;
    this.#jpegs = 0;
    this.#jpegTurn = Promise.resolve();
  }

  #start() {
    const generation = this.#generation;
    const { session } = this.#configuration;
    this.#decoder = new VideoDecoder({
      output: (frame) => {
        if (generation !== this.#generation) return frame.close();
        this.#errors = 0;
        this.onFrame(frameOf(session, frame.timestamp, frame, frame.displayWidth, frame.displayHeight));
      },
      error: (error) => generation === this.#generation && this.#onError(error),
    });
    try {
      this.#decoder.configure(wishOf(this.#configuration));
    } catch (error) {
      this.#onError(error);
    }
    this.#needsKey = true;
  }

  #onError(error) {
    this.#errors += 1;
    const configuration = this.#configuration;
    const fatal = this.#errors >= MOST_ERRORS;
    this.reset();
    if (!fatal) {
      this.#configuration = configuration;
      this.#start();
    }
    this.onError(`The video could not be decoded: ${error.message}`, fatal);
  }

  #decodeJpeg(ptsUs, data) {
    const generation = this.#generation;
    const { session } = this.#configuration;
    this.#jpegs += 1;
    const decoding = createImageBitmap(new Blob([data], { type: "image/jpeg" }));
    this.#jpegTurn = this.#jpegTurn.then(async () => {
      let bitmap = null;
      try {
        bitmap = await decoding;
      } catch (error) {
        if (generation === this.#generation) this.onError(`A frame could not be decoded: ${error.message}`, false);
      }
      if (generation !== this.#generation) return bitmap?.close();
      this.#jpegs -= 1;
      if (bitmap) this.onFrame(frameOf(session, ptsUs, bitmap, bitmap.width, bitmap.height));
    });
    return true;
  }
}

const frameOf = (session, ptsUs, source, width, height) => ({
  session,
  ptsUs,
  source,
  width,
  height,
  close: () => source.close(),
});
