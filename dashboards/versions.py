"""Which version of a thing a change is meant for: `If-Match: "3"`, or `expected_version: 3` in the body."""

import re

from dashboards.problems import Problem

_TAG = re.compile(r'"([1-9][0-9]{0,8})"')


def expected_version(if_match: str | None, in_body: int | None) -> int:
    """The version that the caller has seen. Raises 428 if none is said, 400 if two different ones are or the header is no version."""
    if if_match is None and in_body is None:
        raise Problem(428, "version_required", 'Say which version you have seen: If-Match: "3", or expected_version in the body.')
    if if_match is None:
        assert in_body is not None
        return in_body
    tag = _TAG.fullmatch(if_match.strip())
    if tag is None:
        raise Problem(400, "bad_if_match", 'If-Match holds one version in quotation marks, as in "3".')
    if in_body is not None and in_body != int(tag[1]):
        raise Problem(400, "versions_differ", "If-Match and expected_version name different versions.")
    return int(tag[1])


def etag(version: int) -> dict[str, str]:
    """The header that says which version an answer is."""
    return {"ETag": f'"{version}"'}
