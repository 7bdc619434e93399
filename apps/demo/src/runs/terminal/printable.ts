/** Text as it may go to a terminal: control characters, which could steer it, as their pictures (␀, ␛, …). */
export const quoted = (text: string): string =>
  text.replaceAll(/[\p{Cc}\u2028\u2029]/gu, (character) => {
    const code = character.codePointAt(0) as number;
    if (character === '\n') return character;
    if (code < 0x20) return String.fromCodePoint(0x2400 + code);
    return code === 0x7f ? '␡' : '\ufffd';
  });
