"""What the machine refuses any verb: memory, room on a disk, open files, access. One line each, with the cause."""

from __future__ import annotations

import errno
import resource

_REMEDIES = {
    errno.ENOSPC: "free space there",
    errno.EDQUOT: "free some of your quota there",
    errno.EROFS: "choose a place that can be written",
    errno.EACCES: "choose a place that you may read and write",
    errno.EPERM: "choose a place that you may read and write",
    errno.EMFILE: "raise the limit: ulimit -n 65536",
    errno.ENFILE: "close other programs",
    errno.EIO: "check the disk",
    errno.ENAMETOOLONG: "choose a shorter path",
}

_MAPPING_FAILED = ("failed to map segment", "cannot allocate memory")


def machine_fault(error: ImportError | MemoryError | OSError) -> str | None:
    """Returns one line about an error that is the machine's, with the remedy; None for one that is a bug of ours."""
    if (isinstance(error, OSError) and error.errno == errno.ENOMEM) or isinstance(error, MemoryError):
        return _memory("the machine gives no more")
    if isinstance(error, ImportError):
        text = str(error).lower()
        return _memory(f"a library cannot be loaded ({error})") if any(f in text for f in _MAPPING_FAILED) else None
    if isinstance(error, OSError) and error.errno in _REMEDIES:
        place = error.filename or "a file"
        return (
            f"the system must allow what zostudy does, but it refuses {place} ({error.strerror}); "
            + (_REMEDIES[error.errno])
        )
    return None


def _memory(what: str) -> str:
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    rule = f"zostudy must get the memory that it asks for, but {what}"
    if limit != resource.RLIM_INFINITY:
        return f"{rule}, as ulimit -v allows {limit / 2**30:.1f} GiB; raise the limit: ulimit -v unlimited"
    return f"{rule}; close other programs, or take a smaller model or budget.batch_size"
