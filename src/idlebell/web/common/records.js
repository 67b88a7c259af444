// What this browser remembers, all of it in IndexedDB: subscriptions with their tokens, settings, the last bells.
"use strict";

{
  const NAME = "idlebell";
  const VERSION = 1;
  // Enough for the chart and a week's count; more than that nobody looks at.
  const RINGS_KEPT = 500;
  const RINGS_KEPT_MS = 8 * 86_400_000;

  let opened = null;

  function open() {
    opened ??= new Promise((resolve, reject) => {
      const request = indexedDB.open(NAME, VERSION);
      request.onupgradeneeded = () => {
        const database = request.result;
        database.createObjectStore("subscriptions", { keyPath: "id" });
        database.createObjectStore("settings");
        database.createObjectStore("rings", { autoIncrement: true }).createIndex("received_at", "received_at");
      };
      request.onsuccess = () => {
        // Another page with a newer version of this file must not wait for us.
        request.result.onversionchange = () => {
          request.result.close();
          opened = null;
        };
        resolve(request.result);
      };
      request.onerror = () => {
        opened = null;
        reject(request.error);
      };
    });
    return opened;
  }

  const settled = (request) => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

  const done = (transaction) => new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });

  async function read(store, ask) {
    return settled(ask((await open()).transaction(store).objectStore(store)));
  }

  async function write(store, change) {
    const transaction = (await open()).transaction(store, "readwrite");
    const ended = done(transaction);
    await change(transaction.objectStore(store));
    await ended;
  }

  const records = {
    subscriptions: async () => (await read("subscriptions", (store) => store.getAll())).sort((a, b) => a.added_at - b.added_at),
    subscription: (id) => read("subscriptions", (store) => store.get(id)),
    keep: (record) => write("subscriptions", (store) => store.put(record)),
    forget: (id) => write("subscriptions", (store) => store.delete(id)),

    // Page and worker may both change a record: read and written in one transaction. Nothing happens where it is gone.
    change: (id, changes) => write("subscriptions", async (store) => {
      const known = await settled(store.get(id));
      if (known) store.put({ ...known, ...changes });
    }),

    // One record takes the place of another.
    replace: (old, record) => write("subscriptions", (store) => {
      store.delete(old);
      store.put(record);
    }),

    setting: (name) => read("settings", (store) => store.get(name)),
    set: (name, value) => write("settings", (store) => (value === null ? store.delete(name) : store.put(value, name))),

    // The value that is there, or the one given where there is none yet; the same for all who ask at once.
    settingOr: async (name, value) => {
      let found;
      await write("settings", async (store) => {
        found = await settled(store.get(name));
        if (found === undefined) store.put((found = value), name);
      });
      return found;
    },

    rings: () => read("rings", (store) => store.getAll()),
    addRing: (ring) => write("rings", async (store) => {
      store.add(ring);
      const keys = await settled(store.index("received_at").getAllKeys());
      const old = await settled(store.index("received_at").getAllKeys(IDBKeyRange.upperBound(ring.received_at - RINGS_KEPT_MS)));
      for (const key of new Set([...old, ...keys.slice(0, Math.max(0, keys.length - RINGS_KEPT))])) store.delete(key);
    }),
  };

  self.idlebell = { ...self.idlebell, records };
}
