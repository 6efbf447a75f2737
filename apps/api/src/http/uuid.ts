const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** True for a UUID in lower case, as we write them: anything else would be refused by the database. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}
