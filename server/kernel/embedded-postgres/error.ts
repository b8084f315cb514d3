/** PostgreSQL can't be started here; the message says to a person why and what to do. */
export class EmbeddedPostgresError extends Error {
  override name = "EmbeddedPostgresError";
}
