"""Which modules are the standard library's, in each Python that trees run on."""

from __future__ import annotations

import sys

# Top-level modules that went or came since 3.10, by the first version without or with them:
# https://docs.python.org/3/whatsnew/, sections "New Modules" and "Removed".
_GONE = {
    (3, 11): "binhex",
    (3, 12): "asynchat asyncore distutils imp smtpd",
    (3, 13): "aifc audioop cgi cgitb chunk crypt imghdr lib2to3 mailcap msilib nis nntplib ossaudiodev pipes sndhdr "
    "spwd sunau telnetlib uu xdrlib",
}
_CAME = {(3, 11): "tomllib", (3, 14): "annotationlib compression"}
_FIRST_WITHOUT = {module: version for version, modules in _GONE.items() for module in modules.split()}
_FIRST_WITH = {module: version for version, modules in _CAME.items() for module in modules.split()}


def is_standard(module: str, python: tuple[int, int]) -> bool:
    """Return whether a module (or what it is a part of) is in the standard library of that Python."""
    top = module.split(".")[0]
    if top in _FIRST_WITHOUT:
        return python < _FIRST_WITHOUT[top]
    if top in _FIRST_WITH:
        return python >= _FIRST_WITH[top]
    return top in sys.stdlib_module_names
