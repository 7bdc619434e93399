/** A mistake of the person at the keyboard: printed as one line, without a stack; the command ends with 2. */
export class Mistake extends Error {}

/** Training cannot go on, and nobody typed anything wrong: printed as one line; the command ends with 1. */
export class Failure extends Error {}
