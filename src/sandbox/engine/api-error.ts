/**
 * `error` stands for `{"error": text, "status": status}`, `message` for `{"message": text}`, the form that managed
 * databases use.
 */
export type RefusalShape = 'error' | 'message';

/** A refusal in one of Vultr's own shapes, with its HTTP status. */
export class ApiError extends Error {
  readonly status: number;
  readonly shape: RefusalShape;

  /** Takes the HTTP status (400 to 599) and Vultr's text. */
  constructor(status: number, text: string, shape: RefusalShape = 'error') {
    super(text);
    this.name = 'ApiError';
    this.status = status;
    this.shape = shape;
  }
}

/** Vultr's refusal of a body in which a required field is missing or has the wrong type. */
export const badRequest = (text = 'Bad request.'): ApiError => new ApiError(400, text);
