/** What an HTTP header can carry as a Bearer token: visible ASCII. */
const KEY = /^[\x21-\x7e]{1,512}$/;

/** Whether a text can be an API key of Vultr's, as far as its characters and its length tell. */
export function isApiKey(text: string): boolean {
  return KEY.test(text);
}
