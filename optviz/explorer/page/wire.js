/* Answers of the process behind the page, and how it is asked; see wire.py and session.py. */

const VIEWS = {
  float64: Float64Array, float32: Float32Array, uint32: Uint32Array, int32: Int32Array,
  uint8: Uint8Array,
};

/** The head of an answer and its arrays, which stay where they lie; each knows its `shape`. */
export function unpacked(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const arrays = {};
  for (const [name, [kind, shape, at]] of Object.entries(head.arrays)) {
    const count = shape.reduce((product, side) => product * side, 1);
    arrays[name] = new VIEWS[kind](buffer, 4 + length + at, count);
    arrays[name].shape = shape;
  }
  delete head.arrays;
  return { head, arrays };
}

/** Requests and their answers, over whatever `send`s a text; `received` takes what comes back. */
export class Link {
  constructor(send) {
    this.send = send;
    this.count = 0;
    this.waiting = new Map();
    this.ended = "";
    this.troubled = () => {};
  }

  /** A promise of the answer {head, arrays}; an Error with the one line that says why not. */
  ask(what, body = {}) {
    if (this.ended) return Promise.reject(new Error(this.ended));
    const id = ++this.count;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.send(JSON.stringify({ id, ask: what, ...body }));
    });
  }

  received(buffer) {
    const answer = unpacked(buffer);
    const waiting = this.waiting.get(answer.head.id);
    this.waiting.delete(answer.head.id);
    if (answer.head.error !== undefined) {
      const error = new Error(answer.head.error);
      // Another process has begun, which knows nothing of this page.
      error.again = Boolean(answer.head.again);
      if (waiting) waiting.reject(error);
      else this.troubled(error);
    } else if (waiting) waiting.resolve(answer);
  }

  /** Nobody will answer any more. */
  closed(why) {
    this.ended = why;
    for (const { reject } of this.waiting.values()) reject(new Error(why));
    this.waiting.clear();
  }
}

/** At most one request on its way: while it is, only the newest of those that follow waits. */
export class Newest {
  constructor(ask, done, failed) {
    Object.assign(this, { ask, done, failed, busy: false, next: null });
  }

  want(body) {
    this.next = body;
    if (!this.busy) this.run();
  }

  async run() {
    this.busy = true;
    while (this.next !== null) {
      const body = this.next;
      this.next = null;
      try {
        this.done(await this.ask(body), body);
      } catch (error) {
        this.failed(error, body);
      }
    }
    this.busy = false;
  }
}
