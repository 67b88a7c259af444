// QR codes (ISO/IEC 18004) of up to 213 bytes: byte mode, error correction M, versions 1 to 10. Text in, modules out.

const LEVEL_M = 0b00; // table 12: the two bits of the level
// By version, index 0 is version 1 (tables 7 and 9): all codewords, codewords of correction in a block, blocks.
const CODEWORDS = [26, 44, 70, 100, 134, 172, 196, 242, 292, 346];
const CORRECTION = [10, 16, 26, 18, 24, 16, 18, 22, 22, 26];
const BLOCKS = [1, 1, 1, 2, 2, 4, 4, 4, 5, 5];
// Annex E: centres of alignment patterns.
const ALIGNMENT = [[], [6, 18], [6, 22], [6, 26], [6, 30], [6, 34], [6, 22, 38], [6, 24, 42], [6, 26, 46], [6, 28, 50]];
const PADDING = [0xec, 0x11]; // 7.4.10
const MASKS = [ // table 10; x is the column, y the row
  (x, y) => (x + y) % 2 === 0,
  (x, y) => y % 2 === 0,
  (x) => x % 3 === 0,
  (x, y) => (x + y) % 3 === 0,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0,
  (x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
];

// Rows of booleans, true is dark, without the quiet zone. RangeError: the text is too long.
export function encode(text) {
  const bytes = new TextEncoder().encode(text);
  const version = CODEWORDS.findIndex((_, index) => bytes.length <= capacity(index + 1)) + 1;
  if (!version) throw new RangeError(`${bytes.length} bytes are too many for this code`);
  const grid = withPatterns(version);
  place(grid, interleaved(version, dataCodewords(version, bytes)));
  return mask(grid, version);
}

const dataLength = (version) => CODEWORDS[version - 1] - CORRECTION[version - 1] * BLOCKS[version - 1];
const countBits = (version) => (version < 10 ? 8 : 16); // table 3
const capacity = (version) => Math.floor((dataLength(version) * 8 - 4 - countBits(version)) / 8);

function dataCodewords(version, bytes) {
  const bits = [];
  const put = (value, length) => {
    for (let index = length - 1; index >= 0; index -= 1) bits.push((value >>> index) & 1);
  };
  put(0b0100, 4); // byte mode
  put(bytes.length, countBits(version));
  for (const byte of bytes) put(byte, 8);
  const room = dataLength(version) * 8;
  put(0, Math.min(4, room - bits.length)); // terminator
  put(0, (8 - (bits.length % 8)) % 8);
  for (let index = 0; bits.length < room; index += 1) put(PADDING[index % 2], 8);
  return Array.from({ length: bits.length / 8 }, (_, index) => Number.parseInt(bits.slice(index * 8, index * 8 + 8).join(""), 2));
}

// --- Reed and Solomon over GF(256), x^8 + x^4 + x^3 + x^2 + 1 (7.5.2) ---

function product(a, b) {
  let found = 0;
  for (let bit = 7; bit >= 0; bit -= 1) {
    found = (found << 1) ^ ((found >>> 7) * 0x11d);
    found ^= ((b >>> bit) & 1) * a;
  }
  return found;
}

function generator(degree) {
  const found = [...Array(degree - 1).fill(0), 1];
  let root = 1;
  for (let step = 0; step < degree; step += 1) {
    for (let index = 0; index < degree; index += 1) {
      found[index] = product(found[index], root) ^ (found[index + 1] ?? 0);
    }
    root = product(root, 2);
  }
  return found;
}

function remainder(data, divisor) {
  const found = Array(divisor.length).fill(0);
  for (const byte of data) {
    const factor = byte ^ found.shift();
    found.push(0);
    divisor.forEach((coefficient, index) => (found[index] ^= product(coefficient, factor)));
  }
  return found;
}

// 7.6: blocks side by side; the first ones are shorter by one where they do not come out even.
function interleaved(version, data) {
  const count = BLOCKS[version - 1];
  const length = Math.floor(data.length / count);
  const short = count - (data.length % count);
  const divisor = generator(CORRECTION[version - 1]);
  const blocks = [];
  for (let index = 0, at = 0; index < count; index += 1) {
    const size = length + (index < short ? 0 : 1);
    blocks.push(data.slice(at, at + size));
    at += size;
  }
  const across = (lists) => Array.from({ length: Math.max(...lists.map((one) => one.length)) }, (_, index) =>
    lists.filter((one) => index < one.length).map((one) => one[index])).flat();
  return [...across(blocks), ...across(blocks.map((block) => remainder(block, divisor)))];
}

// --- modules ---

function withPatterns(version) {
  const size = 17 + 4 * version;
  const dark = Array.from({ length: size }, () => Array(size).fill(false));
  const fixed = Array.from({ length: size }, () => Array(size).fill(false));
  const set = (x, y, value) => {
    if (x < 0 || y < 0 || x >= size || y >= size) return;
    dark[y][x] = value;
    fixed[y][x] = true;
  };
  for (let index = 0; index < size; index += 1) { // timing
    set(6, index, index % 2 === 0);
    set(index, 6, index % 2 === 0);
  }
  for (const [cx, cy] of [[3, 3], [size - 4, 3], [3, size - 4]]) { // finders with their separators
    for (let dy = -4; dy <= 4; dy += 1) {
      for (let dx = -4; dx <= 4; dx += 1) {
        const ring = Math.max(Math.abs(dx), Math.abs(dy));
        set(cx + dx, cy + dy, ring !== 2 && ring !== 4);
      }
    }
  }
  const centres = ALIGNMENT[version - 1];
  const last = centres.length - 1;
  centres.forEach((cx, i) => centres.forEach((cy, j) => {
    if ((i === 0 && j === 0) || (i === 0 && j === last) || (i === last && j === 0)) return; // a finder is there
    for (let dy = -2; dy <= 2; dy += 1) {
      for (let dx = -2; dx <= 2; dx += 1) set(cx + dx, cy + dy, Math.max(Math.abs(dx), Math.abs(dy)) !== 1);
    }
  }));
  const grid = { size, dark, fixed, set };
  putFormat(grid, 0); // reserves the place
  putVersion(grid, version);
  return grid;
}

function checked(value, polynomial, degree) {
  let rest = value;
  for (let step = 0; step < degree; step += 1) rest = (rest << 1) ^ ((rest >>> (degree - 1)) * polynomial);
  return (value << degree) | (rest & ((1 << degree) - 1));
}

// 7.9: level and mask, twice.
function putFormat({ size, set }, number) {
  const bits = checked((LEVEL_M << 3) | number, 0x537, 10) ^ 0x5412;
  const bit = (index) => ((bits >>> index) & 1) === 1;
  for (let index = 0; index <= 5; index += 1) set(8, index, bit(index));
  set(8, 7, bit(6));
  set(8, 8, bit(7));
  set(7, 8, bit(8));
  for (let index = 9; index < 15; index += 1) set(14 - index, 8, bit(index));
  for (let index = 0; index < 8; index += 1) set(size - 1 - index, 8, bit(index));
  for (let index = 8; index < 15; index += 1) set(8, size - 15 + index, bit(index));
  set(8, size - 8, true);
}

// 7.10: from version 7 on.
function putVersion({ size, set }, version) {
  if (version < 7) return;
  const bits = checked(version, 0x1f25, 12);
  for (let index = 0; index < 18; index += 1) {
    const value = ((bits >>> index) & 1) === 1;
    const [near, far] = [Math.floor(index / 3), size - 11 + (index % 3)];
    set(far, near, value);
    set(near, far, value);
  }
}

// 7.7.3: two columns at a time from the right, up and down by turns; column 6 is the timing's.
function place({ size, dark, fixed }, codewords) {
  let at = 0;
  for (let right = size - 1; right >= 1; right -= 2) {
    if (right === 6) right = 5;
    const upward = ((right + 1) & 2) === 0;
    for (let step = 0; step < size; step += 1) {
      const y = upward ? size - 1 - step : step;
      for (const x of [right, right - 1]) {
        if (fixed[y][x] || at >= codewords.length * 8) continue;
        dark[y][x] = ((codewords[at >>> 3] >>> (7 - (at & 7))) & 1) === 1;
        at += 1;
      }
    }
  }
}

// 7.8: the mask whose code is the least like its own patterns.
function mask(grid, version) {
  let best = null;
  MASKS.forEach((inverts, number) => {
    const tried = { ...grid, dark: grid.dark.map((row) => [...row]) };
    tried.set = (x, y, value) => (tried.dark[y][x] = value);
    tried.dark.forEach((row, y) => row.forEach((_, x) => {
      if (!grid.fixed[y][x] && inverts(x, y)) row[x] = !row[x];
    }));
    putFormat(tried, number);
    putVersion(tried, version);
    const points = penalty(tried.dark);
    if (!best || points < best.points) best = { points, dark: tried.dark };
  });
  return best.dark;
}

export function penalty(dark) {
  const size = dark.length;
  const lines = [...dark, ...dark.map((_, x) => dark.map((row) => row[x]))];
  let points = 0;
  for (const line of lines) {
    for (let at = 0; at < size;) { // five or more alike in a row
      let end = at + 1;
      while (end < size && line[end] === line[at]) end += 1;
      if (end - at >= 5) points += 3 + (end - at - 5);
      at = end;
    }
    const text = line.map((one) => (one ? "1" : "0")).join(""); // what looks like a finder
    for (const pattern of ["10111010000", "00001011101"]) {
      for (let at = text.indexOf(pattern); at >= 0; at = text.indexOf(pattern, at + 1)) points += 40;
    }
  }
  for (let y = 0; y + 1 < size; y += 1) { // squares of four
    for (let x = 0; x + 1 < size; x += 1) {
      if (dark[y][x] === dark[y][x + 1] && dark[y][x] === dark[y + 1][x] && dark[y][x] === dark[y + 1][x + 1]) points += 3;
    }
  }
  const share = dark.flat().filter(Boolean).length / (size * size);
  return points + 10 * Math.floor(Math.abs(share * 100 - 50) / 5);
}

// The dark modules as the data of an SVG path, one unit a module, after a quiet zone of four (6.3.8).
export const QUIET = 4;

export function path(dark) {
  return dark.map((row, y) => row.map((one, x) => (one ? `M${x + QUIET} ${y + QUIET}h1v1h-1z` : "")).join("")).join("");
}
