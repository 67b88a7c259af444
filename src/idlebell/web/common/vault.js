// Passwords that the user lets this browser keep: sealed with AES-GCM by a key that WebCrypto holds and gives to nobody
// (`extractable` false), so that what lies on the disk is of no use elsewhere. A script of this origin could use the key, but
// not carry it away; that no foreign script runs here is the content security policy's part.
"use strict";

{
  const { records } = self.idlebell;
  const NONCE_BYTES = 12; // SP 800-38D section 5.2.1.1: 96 bits

  async function key() {
    const known = await records.setting("vault-key");
    if (known) return known;
    const made = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
    return records.settingOr("vault-key", made);
  }

  // Bound to the account: what was sealed for one is not opened for another.
  const parameters = (iv, account) => ({ name: "AES-GCM", iv, additionalData: new TextEncoder().encode(account) });

  const vault = {
    async seal(account, auth) {
      const iv = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
      const clear = new TextEncoder().encode(JSON.stringify(auth));
      return { iv, sealed: await crypto.subtle.encrypt(parameters(iv, account), await key(), clear) };
    },

    // null where it cannot be opened any more.
    async open(account, box) {
      try {
        const clear = await crypto.subtle.decrypt(parameters(box.iv, account), await key(), box.sealed);
        return JSON.parse(new TextDecoder().decode(clear));
      } catch {
        return null;
      }
    },
  };

  self.idlebell = { ...self.idlebell, vault };
}
