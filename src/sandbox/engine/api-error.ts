/** A refusal in Vultr's own shape: the answer is `{"error": text, "status": status}` with that HTTP status. */
export class ApiError extends Error {
  readonly status: number;

  /** Takes the HTTP status (400 to 599) and Vultr's text for the `error` member. */
  constructor(status: number, text: string) {
    super(text);
    this.name = 'ApiError';
    this.status = status;
  }
}

/** The refusal Vultr gives when a required field is missing or has the wrong type. */
export const badRequest = (text = 'Bad request.'): ApiError => new ApiError(400, text);
