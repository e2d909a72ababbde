"""Screens whose pictures are compared with the references beside this file.

Write the references again, after looking at the pictures: ``python -m tests.picture.screens [NAME]...``
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from sosagent.picture import Picture
from sosagent.picture.png import png

__all__ = ["HERE", "SCREENS", "Screen"]

HERE = Path(__file__).with_name("screens")
TIME = "2026-03-14 03:07:11 UTC"

#: A setup program in 16 colours, with double lines and a shadow.
_BIOS = (
    "\x1b[44;37m\x1b[2J\x1b[1;1H\x1b[46;30m{:^44}"
    "\x1b[2;1H\x1b[44;97m╔═ Boot ═════════════════╦═════════════════╗"
    "\x1b[3;1H║ 1st Device \x1b[30;47m[CD/DVD]\x1b[44;97m    ║ Enter: Select   ║"
    "\x1b[4;1H║ \x1b[33m2nd Device [Hard Disk]\x1b[97m ║ F10: Save       ║"
    "\x1b[5;1H╟──────────────────────╥─╢ ◄► ↑↓ Move      ║"
    "\x1b[6;1H║ ╔═════════════╗      ║░║ █▇▆▅▄▃▂▁ \x1b[1;31m98 °C\x1b[22;97m  ║"
    "\x1b[7;1H║ ║ \x1b[1;33mSave (Y/N)?\x1b[22;97m ║\x1b[40m \x1b[44m     ║▓║ \x1b[4mQuiet Boot\x1b[24m      ║"
    "\x1b[8;1H║ ╚═════════════╝\x1b[40m \x1b[44m     ║░║ \x1b[9mFast Boot\x1b[29m       ║"
    "\x1b[9;1H╚══╤═══════════════════╩═╩═════════════════╝"
    "\x1b[10;1H\x1b[46;30m   └╴v02.61 (C) 1985-2026\x1b[K\x1b[7;8H"
).format("SETUP UTILITY")

#: A monitor of processes: bars, graphs, bold black, a selected row, and the cursor hidden.
_MONITOR = (
    "\x1b[?25l\x1b[36m  1\x1b[1;39m[\x1b[32m|||||||\x1b[31m||\x1b[90m    47.1%\x1b[39m]\x1b[0m \x1b[38;5;208mTasks: "
    "\x1b[1m24\x1b[0m, \x1b[38;2;120;200;255m58 thr\x1b[0m\r\n"
    "\x1b[36mMem\x1b[1;39m[\x1b[32m|||\x1b[34m|\x1b[33m|||\x1b[30m 34M/23.5G\x1b[39m]\x1b[0m "
    "\x1b[32m⣀⣤⣶⣿⣷⣄⡀⢀⣴\x1b[0m ▁▂▄▆█▆▄▂\r\n"
    "\x1b[30;42m  PID USER     CPU% \x1b[46mMEM%▽\x1b[42m Command          \x1b[0m\r\n"
    "\x1b[30;46m15450 root     97.7   0.2 /usr/sbin/sshd -D\x1b[0m\r\n"
    "   61 www-data  \x1b[1;30m0.0\x1b[0m   0.1 \x1b[32m├─ \x1b[1mnginx\x1b[0m: worker\r\n"
    "   75 root      0.7   0.1 \x1b[32m└─ \x1b[0mvi /etc/fstab\r\n"
    "F1\x1b[30;46mHelp  \x1b[0mF9\x1b[30;46mKill  \x1b[0mF10\x1b[30;46mQuit  \x1b[0m"
)

_LINES = (
    "┌─┬┐╔═╦╗┏━┳┓╭─╮╓─╥╖╒═╤╕┎─┰┒┍━┯┑▁▂▃▄▅▆▇█\r\n"
    "│ ││║ ║║┃ ┃┃│╳│║ ║║│ ││┃ ┃┃│ ││▏▎▍▌▋▊▉█\r\n"
    "├─┼┤╠═╬╣┣━╋┫│╱│╟─╫╢╞═╪╡┠─╂┨┝━┿┥▐▀▔▕░▒▓█\r\n"
    "└─┴┘╚═╩╝┗━┻┛╰─╯╙─╨╜╘═╧╛┖─┸┚┕━┷┙▖▗▘▙▚▛▜▝\r\n"
    "┄┄┅┅┈┈┉┉╌╌╍╍┆┇┊┋╎╏╴╵╶╷╸╹╺╻╼╽╾╿\ue0b0\ue0b1\ue0b2\ue0b3╲╱▞▟\r\n"
    "┞┟┡┢┦┧┩┪┭┮┱┲┵┶┹┺┽┾╀╁╃╄╅╆╇╈╉╊\U0001fb00\U0001fb14\U0001fb2a\U0001fb3b⣿⡇⢸⣀\r\n"
    "\x1b(0lqwqk\x1b(B DEC \x1b)0\x0elqwqk\x0f\x1b[7m\x1b(0opqrsaf`~\x1b(B\x1b[0m\r\n"
    "\x1b(0tqnqu\x1b(B \x1b[1;34m\x1b(0mqvqj\x1b(B\x1b[0m \x0etqnqu\x0f\r\n"
    "\x1b(0mqvqj\x1b(B lqwqk \x0emqvqj\x0f"
)

_TEXT = (
    "\x1b[1mbold\x1b[0m \x1b[4munder\x1b[0m \x1b[4:3;1mboth\x1b[0m \x1b[7mreverse\x1b[0m \x1b[9mstrike\x1b[0m\r\n"
    + "".join(f"\x1b[3{colour}m#{colour}\x1b[9{colour}m#\x1b[1;3{colour}mB\x1b[22m" for colour in range(8))
    + "\x1b[0m\r\n"
    + "".join(f"\x1b[48;5;{16 + 6 * step}m " for step in range(36))
    + "\x1b[0m\r\n"
    + "".join(f"\x1b[48:2::{7 * step}:90:{255 - 7 * step}m " for step in range(36))
    + "\x1b[0m\r\n"
    "e\u0301 x\u030c q\u0323 A\u0302\u0301 ÄÖÜß Ελλάς Привет Việt\r\n"
    "<a href='x'>&amp;\"\\ 0O1lI| {}[]~^`\r\n"
    "→ ≤ ≥ ≠ ± ° § ✓ ✗ ● ★ … € £ «» “”\r\n"
    "\x1b[32mroot@web-1\x1b[0m:\x1b[34m~\x1b[0m# "
)

_WIDE = "漢字かな|한국어|\r\n\x1b[1;36m中\x1b[0m文\x1b[4m下線\x1b[0m|\r\n世\ra|\r\n👍🚀|ไทย नम|\r\nstatus: ❤️ ok 漢"


@dataclass(frozen=True)
class Screen:
    """A screen and its picture.

    Attributes:
        output: bytes from a console.
        columns, rows: the size of the terminal.
        titles: the parts of the title.
    """

    output: bytes
    columns: int
    rows: int
    titles: tuple[str, ...] = ()

    @property
    def picture(self) -> Picture:
        return Picture(self.output, self.columns, self.rows, *self.titles)

    def png(self) -> bytes:
        """Return the picture in the bundled font alone, which is the same on all systems."""
        return png(self.picture.layout(), fallback=lambda character: None)


SCREENS = {
    "bios": Screen(_BIOS.encode(), 44, 10, ("web1-sos", TIME)),
    "monitor": Screen(_MONITOR.encode(), 44, 7, ("web1-sos (web-1)", TIME)),
    "lines": Screen(_LINES.encode(), 40, 10),
    "text": Screen(_TEXT.encode(), 40, 8, ("web1-sos (web-1)",)),
    "wide": Screen(_WIDE.encode(), 20, 5),
    "long-title": Screen(b"login: ", 24, 1, ("console-server-17.example.net:漢字 (web-1)", TIME)),
    "dialog-linux": Screen((HERE / "dialog-linux.out").read_bytes(), 80, 24),
}


if __name__ == "__main__":
    for name in sys.argv[1:] or SCREENS:
        (HERE / f"{name}.png").write_bytes(SCREENS[name].png())
