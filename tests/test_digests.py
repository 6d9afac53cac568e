from __future__ import annotations

import hashlib
from pathlib import Path

from zostudy.digests import DIGEST_LENGTH, digest_of, file_digest, short_digest


def test_parts_are_digested_as_if_they_were_one(tmp_path: Path) -> None:
    whole = b"one, two and three"
    expected = hashlib.sha256(whole).hexdigest()
    assert digest_of([whole[:3], memoryview(whole)[3:9], whole[9:]]) == expected
    assert short_digest(iter([whole])) == expected[:DIGEST_LENGTH]
    (tmp_path / "file").write_bytes(whole)
    assert file_digest(tmp_path / "file") == expected
