// What a browser has and Node lacks, as far as the files under test ask for it while they are loaded.
globalThis.self = globalThis;
globalThis.crypto ??= (await import("node:crypto")).webcrypto;
