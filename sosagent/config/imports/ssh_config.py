"""Import from ssh_config(5): each Host that is not a pattern becomes a machine, and its alias the console."""

from __future__ import annotations

import re

from ...errors import UsageError
from ...keys.host_patterns import matches_wildcards
from ...printable import printable
from .imported import Imported
from .source import NOT_FOLLOWED, Source

__all__ = ["from_ssh_config"]

_MAX_LEVEL = 16  # of Include (readconf.c)
_SPACES = " \t\r\n"
_DELIMITER = re.compile(r'[ \t\r\n"=]')
#: The keywords of OpenSSH 10.5, those that it ignores included (readconf.c).
_KEYWORDS = """
    addkeystoagent addressfamily afstokenpassing batchmode bindaddress bindinterface canonicaldomains
    canonicalizefallbacklocal canonicalizehostname canonicalizemaxdots canonicalizepermittedcnames
    casignaturealgorithms certificatefile challengeresponseauthentication channeltimeout checkhostip cipher
    ciphers clearallforwardings compression compressionlevel connectionattempts connecttimeout controlmaster
    controlpath controlpersist dsaauthentication dynamicforward enableescapecommandline enablesshkeysign
    escapechar exitonforwardfailure fallbacktorsh fingerprinthash forkafterauthentication forwardagent
    forwardx11 forwardx11timeout forwardx11trusted gatewayports globalknownhostsfile globalknownhostsfile2
    gssapiauthentication gssapidelegatecredentials hashknownhosts host hostbasedacceptedalgorithms
    hostbasedauthentication hostbasedkeytypes hostkeyalgorithms hostkeyalias hostname identitiesonly
    identityagent identityfile identityfile2 ignoreunknown include ipqos kbdinteractiveauthentication
    kbdinteractivedevices keepalive kerberosauthentication kerberostgtpassing kexalgorithms knownhostscommand
    localcommand localforward loglevel logverbose macs match nohostauthenticationforlocalhost
    numberofpasswordprompts obscurekeystroketiming passwordauthentication permitlocalcommand permitremoteopen
    pkcs11provider port preferredauthentications protocol proxycommand proxyjump proxyusefdpass
    pubkeyacceptedalgorithms pubkeyacceptedkeytypes pubkeyauthentication refuseconnection rekeylimit
    remotecommand remoteforward requesttty requiredrsasize revokedhostkeys rhostsauthentication
    rhostsrsaauthentication rsaauthentication securitykeyprovider sendenv serveralivecountmax
    serveraliveinterval sessiontype setenv skeyauthentication smartcarddevice stdinnull streamlocalbindmask
    streamlocalbindunlink stricthostkeychecking syslogfacility tag tcpkeepalive tisauthentication tunnel
    tunneldevice updatehostkeys useprivilegedport user userknownhostsfile userknownhostsfile2 useroaming usersh
    verifyhostkeydns versionaddendum visualhostkey warnweakcrypto xauthlocation
"""
_KNOWN = frozenset(_KEYWORDS.split())
_WILDCARDS = re.compile(r"[*?]")


def from_ssh_config(source: Source) -> Imported:
    """Return the machines of an ssh_config.

    Raises:
        UsageError: ssh would refuse the file; the message names the line.
    """
    imported = Imported(source.name)
    _Reader(imported).read(source, ())
    imported.notes.append("an ssh_config does not say which hosts are consoles; keep only those")
    return imported


class _Reader:
    """Reads a file and those that it includes (readconf.c, process_config_line_depth)."""

    def __init__(self, imported: Imported) -> None:
        self._imported = imported

    def read(self, source: Source, around: tuple[list[str], ...]) -> None:
        """Read a file.

        Args:
            source: the file.
            around: the patterns of the Host lines around the Include of this file, and of those that include that one.
                Only names that match all of them are read.
        """
        patterns: list[str] = ["*"]
        for number, line in enumerate(source.text.split("\n"), 1):
            where = f"{source.name}:{number}"
            keyword, words = _split(line, where)
            if keyword and keyword not in _KNOWN:
                self._imported.note(f"unknown keyword {printable(keyword, 60)}", number, file=source.name)
            if keyword == "host":
                patterns = words
                for name in words:
                    self._add(name, (*around, words), number, source.name)
            elif keyword == "match":
                patterns = ["*"]  # it may match any name
                text = printable(" ".join(words), 80)
                self._imported.note(f"Match {text} is not imported: it names no machine", number, file=source.name)
            elif keyword == "include":
                for word in words:
                    self._include(word, source, (*around, patterns), number)

    def _add(self, name: str, lists: tuple[list[str], ...], number: int, file: str) -> None:
        imported = self._imported
        if name.startswith("!") or _WILDCARDS.search(name):
            imported.skip(name, "a pattern is not a machine", number, file=file)
        elif not all(_applies(patterns, name) for patterns in lists):
            imported.skip(name, "ssh never applies this Host to it: another pattern excludes it", number, file=file)
        else:
            imported.add(name, {"console": name}, number, file=file)

    def _include(self, pattern: str, source: Source, around: tuple[list[str], ...], number: int) -> None:
        shown = f"Include {printable(pattern, 80)}"
        if source.included is None:
            self._imported.note(NOT_FOLLOWED.format(shown), number, file=source.name)
            return
        if len(around) > _MAX_LEVEL:
            raise UsageError(f"{source.name}:{number}: {shown} is nested too deep")
        try:
            files = source.included(pattern)
        except (OSError, UsageError) as error:
            self._imported.note(f"{shown}: {printable(str(error), 200)}", number, file=source.name)
            return
        if not files:
            self._imported.note(f"{shown} matches no file", number, file=source.name)
        for file in files:
            self.read(file, around)


def _applies(patterns: list[str], name: str) -> bool:
    """Whether a Host line with `patterns` applies to a name."""
    if any(matches_wildcards(pattern[1:], name) for pattern in patterns if pattern.startswith("!")):
        return False
    return any(matches_wildcards(pattern, name) for pattern in patterns if not pattern.startswith("!"))


def _split(line: str, where: str) -> tuple[str, list[str]]:
    """Return the keyword of a line in lower case, and its arguments; an empty keyword for a line that ssh ignores.

    Raises:
        UsageError: ssh would refuse the line.
    """
    line = line[:1] + line[1:].rstrip(_SPACES + "\f")
    keyword, rest = _first_word(line)
    if keyword == "" and rest is not None:  # blanks in front
        keyword, rest = _first_word(rest)
    if not keyword or keyword.startswith("#"):
        return "", []
    if not rest:
        raise UsageError(f"{where}: {printable(keyword, 60)} has no argument")
    if not keyword.isalnum():
        raise UsageError(f"{where}: ssh knows no keyword {printable(keyword, 60)}")
    words = _arguments(rest)
    if words is None:
        raise UsageError(f"{where}: a quote is not closed")
    if keyword.lower() in ("host", "include") and "" in words:
        raise UsageError(f"{where}: an argument of {printable(keyword, 60)} is empty")
    return keyword.lower(), words


def _first_word(text: str) -> tuple[str, str | None]:
    """Split a text at the first blank or ``=``, or at the end of a quoted word (misc.c, strdelim)."""
    match = _DELIMITER.search(text)
    if match is None:
        return text, None
    at = match.start()
    if match[0] == '"':
        text = text[:at] + text[at + 1 :]
        end = text.find('"', at)
        return (text[:end], text[end + 1 :].lstrip(_SPACES)) if end >= 0 else ("", None)
    rest = text[at + 1 :].lstrip(_SPACES)
    if match[0] != "=" and rest.startswith("="):
        rest = rest[1:].lstrip(_SPACES)
    return text[:at], rest


def _arguments(text: str) -> list[str] | None:
    """Split arguments as ssh does (misc.c, argv_split); None if a quote is not closed."""
    words: list[str] = []
    at = 0
    while True:
        while at < len(text) and text[at] in " \t":
            at += 1
        if at == len(text) or text[at] == "#":
            return words
        word: list[str] = []
        quote = ""
        while at < len(text) and (quote or text[at] not in " \t"):
            char, following = text[at], text[at + 1 : at + 2]
            if char == "\\" and following and following in ("'", '"', "\\", "" if quote else " "):
                at += 1
                word.append(following)
            elif not quote and char in "\"'":
                quote = char
            elif char == quote:
                quote = ""
            else:
                word.append(char)
            at += 1
        if quote:
            return None
        words.append("".join(word))
