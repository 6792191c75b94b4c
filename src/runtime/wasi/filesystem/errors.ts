// Errors of wasi:filesystem.

import { err, ok, type WasiResult } from "../result.ts";
import { IoError, streamFailure, type StreamError } from "../streams.ts";

const BY_ERRNO = {
  EACCES: "access",
  EAGAIN: "would-block",
  EALREADY: "already",
  EBADF: "bad-descriptor",
  EBUSY: "busy",
  EDEADLK: "deadlock",
  EDQUOT: "quota",
  EEXIST: "exist",
  EFBIG: "file-too-large",
  EILSEQ: "illegal-byte-sequence",
  EINPROGRESS: "in-progress",
  EINTR: "interrupted",
  EINVAL: "invalid",
  EIO: "io",
  EISDIR: "is-directory",
  ELOOP: "loop",
  // Descriptors are bounded by the guest's own limit first; these are the agent's and the machine's.
  EMFILE: "quota",
  EMLINK: "too-many-links",
  EMSGSIZE: "message-size",
  ENAMETOOLONG: "name-too-long",
  ENFILE: "quota",
  ENODEV: "no-device",
  ENOENT: "no-entry",
  ENOLCK: "no-lock",
  ENOMEM: "insufficient-memory",
  ENOSPC: "insufficient-space",
  ENOTDIR: "not-directory",
  ENOTEMPTY: "not-empty",
  ENOTRECOVERABLE: "not-recoverable",
  ENOTSUP: "unsupported",
  ENOSYS: "unsupported",
  ENOTTY: "no-tty",
  ENXIO: "no-such-device",
  EOPNOTSUPP: "unsupported",
  EOVERFLOW: "overflow",
  EPERM: "not-permitted",
  EPIPE: "pipe",
  EROFS: "read-only",
  ESPIPE: "invalid-seek",
  ETXTBSY: "text-file-busy",
  EXDEV: "cross-device",
} as const;

/** The enum `error-code`. */
export type FsErrorCode = (typeof BY_ERRNO)[keyof typeof BY_ERRNO];
export type FsResult<T> = WasiResult<T, FsErrorCode>;

/** Becomes the `err` of the function that threw it. */
export class FsError extends Error {
  override readonly name = "FsError";
  readonly code: FsErrorCode;

  constructor(code: FsErrorCode) {
    super(code);
    this.code = code;
  }
}

/** Undefined for what is no error of a file system. An errno without a row is `io`. */
export function fsErrorCode(error: unknown): FsErrorCode | undefined {
  if (error instanceof FsError) return error.code;
  if (!(error instanceof Error) || !("syscall" in error) || !("code" in error)) return undefined;
  return isKnown(error.code) ? BY_ERRNO[error.code] : "io";
}

const isKnown = (errno: unknown): errno is keyof typeof BY_ERRNO =>
  typeof errno === "string" && Object.hasOwn(BY_ERRNO, errno);

/** The result of `operation`; what it throws and is no error of a file system passes. */
export function attempt<T>(operation: () => T): FsResult<T> {
  try {
    return ok(operation());
  } catch (error) {
    const code = fsErrorCode(error);
    if (code === undefined) throw error;
    return err(code);
  }
}

/** As `attempt()` for what has no result. */
export function perform(operation: () => void): FsResult<undefined> {
  return attempt(() => {
    operation();
    return undefined;
  });
}

/** What a stream over a file fails with. */
export function fileStreamError(error: unknown): StreamError {
  const code = fsErrorCode(error);
  if (code === undefined) throw error;
  return streamFailure(new IoError(code, new FsError(code)));
}

/** `filesystem-error-code`: what the file system said, when the error came from there. */
export function filesystemErrorCode(error: IoError): FsErrorCode | undefined {
  return error.cause instanceof FsError ? error.cause.code : undefined;
}
