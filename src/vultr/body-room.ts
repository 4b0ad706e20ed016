/** The part of the room that one body takes while it is read. */
export interface BodySpace {
  /** Takes room for so many bytes more. Resolves once there is room for them; undefined: there is at once. */
  take(bytes: number): Promise<void> | undefined;
  /** Gives everything back. */
  release(): void;
}

interface Space extends BodySpace {
  readonly claim: (bytes: number) => void;
  waiting: { readonly bytes: number; readonly go: () => void } | undefined;
}

/**
 * Bounds how many bytes of response bodies are held at a time while they are being read. A body that finds no room waits, and
 * with it the connection that it comes from. The one that began first never waits, so that something always moves on: one body may
 * stand out over the bound.
 */
export class BodyRoom {
  readonly #maxBytes: number;
  /** The bodies that are being read, the oldest first. */
  readonly #spaces = new Set<Space>();
  #held = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** How many bytes are held. */
  get held(): number {
    return this.#held;
  }

  /** Begins with a body. */
  open(): BodySpace {
    let own = 0;
    const space: Space = {
      waiting: undefined,
      claim: (bytes) => {
        own += bytes;
        this.#held += bytes;
      },
      take: (bytes) => {
        if (this.#hasRoom(space, bytes)) {
          space.claim(bytes);
          return undefined;
        }
        return new Promise((resolve) => {
          space.waiting = { bytes, go: resolve };
        });
      },
      release: () => {
        if (!this.#spaces.delete(space)) return;
        this.#held -= own;
        this.#wake();
      },
    };
    this.#spaces.add(space);
    return space;
  }

  #hasRoom(space: Space, bytes: number): boolean {
    const [oldest] = this.#spaces;
    return space === oldest || this.#held + bytes <= this.#maxBytes;
  }

  /** Lets those go on for which there is room now, the oldest first. */
  #wake(): void {
    for (const space of this.#spaces) {
      const { waiting } = space;
      if (waiting === undefined) continue;
      if (!this.#hasRoom(space, waiting.bytes)) return;
      space.waiting = undefined;
      space.claim(waiting.bytes);
      waiting.go();
    }
  }
}
