"""Credentials in what is shown or kept: there are none."""

from __future__ import annotations

_SECRETS = ("token", "passw", "pwd", "secret", "credential", "signature", "api[_-]?key", "access[_-]?key")


def redact(text: str) -> str:
    """`text` with ``****`` for credentials in URLs: all before the ``@``, and values named like a secret.

    ``git@host``, in a URL or not, is no secret and stays, as do e-mail addresses. Idempotent.
    """
    import re

    user = r"""//(?!git@)(?:
        [^\s/?\#"<>]*@(?=[^\s/?\#@])  # up to the last @ before the path, or
        | [^\s/?\#@:"<>\[]*:(?!\d*(?:[/?\#\s"<>]|$))[^\s"<>]*?@(?=[\w\[])  # a colon that no port follows
    )"""
    name = rf"[^\s=&?\#]*(?:{'|'.join(_SECRETS)})[^\s=&?\#]*|auth|sig|key|jwt"
    text = re.sub(user, "//****@", text, flags=re.VERBOSE)
    return re.sub(rf"""(?i)([?&\#;](?:{name})=)[^\s&\#;"'<>]+""", r"\1****", text)
