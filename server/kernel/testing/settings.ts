/** What a test database loses in a crash is not missed, and the tests run in half the time. */
export const testSettings = {
  fsync: "off",
  synchronous_commit: "off",
  full_page_writes: "off",
  // Several files run at once, and some start more than one server on their database.
  max_connections: 200,
  // The disk below is often a small one; a template is the largest thing that is written.
  max_wal_size: "512MB",
};
