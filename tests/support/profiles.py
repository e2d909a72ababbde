"""Accounts with odd prompts and profiles; `profile_runs` adds a key to each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["PROFILES", "Profile"]


@dataclass(frozen=True)
class Profile:
    """Root's account on a machine.

    Fields:
        shell: the login shell; a text that starts with ``#!`` is a program.
        files: files in root's home, and their contents.
        says: a part of the error's message; empty where the key is added.
        motd: the message of the day.
    """

    shell: str
    files: dict[str, str] = field(default_factory=dict)
    says: str = ""
    motd: str = ""


def _bash(profile: str, says: str = "", **files: str) -> Profile:
    return Profile("/bin/bash", {".bash_profile": f"{profile}\n", **files}, says)


def _account(shell: str, file: str) -> Callable[..., Profile]:
    """Return a function that makes accounts with this shell, whose profile is `file`; see `_bash`."""

    def make(profile: str, says: str = "") -> Profile:
        return Profile(shell, {file: f"{profile}\n"}, says)

    return make


_dash = _account("/bin/dash", ".profile")
_ash = _account("#!/bin/sh\nexec /bin/busybox ash -l\n", ".profile")
_zsh = _account("/usr/bin/zsh", ".zshrc")
_fish = _account("/usr/bin/fish", ".config/fish/config.fish")
_tcsh = _account("/usr/bin/tcsh", ".tcshrc")
_mksh = _account("/bin/mksh", ".profile")

_WORDS = ("exec", "env", "exit", "printf", "stty", "read", "eval", "echo", "id")
_ALIASES = "\n".join(f"alias {word}='echo no'" for word in _WORDS)
_CSH_ALIASES = "\n".join(f"alias {word} 'echo no'" for word in _WORDS if word != "echo")
_FUNCTIONS = "\n".join(f"{word}() {{ command echo no; }}" for word in _WORDS)
_DASH_FUNCTIONS = "\n".join(f"{word}() {{ command echo no; }}" for word in ("env", "printf", "stty", "echo"))
_FISH_FUNCTIONS = "\n".join(
    f"function {word}; builtin echo no; end" for word in _WORDS if word not in ("exec", "read", "eval")
)
_PROGRESS = (
    "i=0; while [ $i -le 100 ]; do printf '\\rRefreshing package cache: %d%%' $i; i=$((i+{step})); sleep 0.4; done; "
    "{end}"
)
_SPINNER = "for i in 1 2 3 4 5 6; do for c in '|' / - '\\'; do printf \"\\r$c\"; sleep 0.2; done; done"
#: As the `resize` function of many wikis, without and with a time limit.
_SIZE = (
    "old=$(stty -g); stty raw -echo min 0 time 20; printf '\\0337\\033[r\\033[999;999H\\033[6n\\0338' >/dev/tty\n"
    'IFS=\'[;R\' read -r _ rows cols _ </dev/tty; stty "$old"; [ -z "$cols" ] || stty rows $rows cols $cols'
)
_BASH_SIZE = (
    "IFS='[;' read -p $'\\e7\\e[r\\e[999;999H\\e[6n\\e8' -d R -rst {seconds} _ rows cols _ </dev/tty; "
    '[ -z "$cols" ] || stty rows $rows cols $cols'
)
_MOTD = (
    "\x1b]0;web-1: production\x07\x1b[H\x1b[2J\x1b[3J\x1b[1;34m\x1b(0lqqqqqqqqqqqqqk\x1b(B\x1b[0m\n"
    "\x1b[1;34m\x1b(0x\x1b(B\x1b[33m  web-1 : \u2713  \x1b[34m\x1b(0x\x1b(B\x1b[0m\n"
    "\u250c\u2500\u2500\u2510\n\u2502ok\u2502\n\u2514\u2500\u2500\u2518\n"
    "\x1b[5;10Hup 3 days\x1b[8;1H\x1b[6n\n"
)
_POWERLINE = "\\[\\e[48;5;31m\\e[97m\\] \u2387 root \\[\\e[0;38;5;31m\\]\ue0b0\\[\\e[0m\\] ~ \ue0b0 "
_WIDE = "\u65e5" * 38
_RPROMPT = """bindkey -v; PROMPT=$'%n@%m %~\\n%# '; RPROMPT='[ins] %*'
zle-keymap-select() { RPROMPT="[$KEYMAP]"; zle reset-prompt; }; zle -N zle-keymap-select
"""
_MENU = """while :; do
  echo '1) Reboot'; printf 'Enter an option: '; read a || exit; [ "$a" != 1 ] || echo >"$HOME/chosen"
done
"""
_KEY_MENU = """while :; do
  printf '\\r\\n1) Reboot\\r\\nPress a key: '; IFS= read -rsn1 a || exit; [ "$a" != 1 ] || echo >"$HOME/chosen"
done
"""
_SELECT = "PS3='Your choice: '; select a in Reboot Shell; do [ \"$a\" != Reboot ] || echo >$HOME/chosen; done"
_DIALOG = "{program} --menu 'What next?' 12 40 4 e Reboot i Install s Shell && echo >$HOME/chosen"
_TMUX = "export TMUX_TMPDIR=$HOME"
_SCREEN = "mkdir -m 700 -p $HOME/.s; export SCREENDIR=$HOME/.s"
_ENTER_TEXTS = ("Weiter mit der Eingabetaste ...", "Appuyez sur Entr\u00e9e pour continuer: ", "\u7d9a\u884c: Enter ")
_KEY_TEXTS = ("Beliebige Taste dr\u00fccken . . . ", "\u4f55\u304b\u30ad\u30fc\u3092\u62bc\u3057\u3066 . . . ")
_QUESTIONS = (
    "Jetzt aktualisieren? [J/n] ", "Mettre \u00e0 jour (O/N) ? ",
    "\u0414\u0430\u043b\u044c\u0448\u0435? [\u0414/\u043d] ",
    "\u662f\u5426\u7ee7\u7eed\uff1f [\u662f/\u5426] ", "Continuare? [s\u00ec/no] ", "Update? (yes/no/later): ",
)  # fmt: skip
_INPUTRC = "set show-mode-in-prompt on\nset editing-mode vi\n"
_ZSH_HISTORY = "HISTFILE=~/.zsh_history; SAVEHIST=100; HISTSIZE=100; setopt inc_append_history"
_HISTORY = "HISTCONTROL=; HISTFILESIZE=1000; shopt -s histappend; PROMPT_COMMAND='history -a'"

PROFILES: dict[str, Profile] = {
    # -- the plain ones
    "bash": _bash(""),
    "dash": _dash(""),
    "ash": _ash(""),
    "zsh": _zsh(""),
    "fish": _fish(""),
    "tcsh": _tcsh(""),
    "mksh": _mksh(""),
    # -- empty prompts
    "bash, empty prompt": _bash("PS1="),
    "dash, empty prompt": _dash("PS1="),
    "ash, empty prompt": _ash("PS1="),
    "zsh, empty prompt": _zsh("PS1="),
    "mksh, empty prompt": _mksh("PS1="),
    "tcsh, empty prompt": _tcsh("set prompt=''"),
    "fish, empty prompt": _fish("function fish_prompt; end"),
    # -- two lines, right prompts, a clock
    "bash, two lines": _bash("PS1='\\u@\\h \\w\\n\\$ '"),
    "bash, two lines, no sign": _bash("PS1='[\\u@\\h \\w]\\n'"),
    "dash, two lines": _dash("PS1='root@vm\n-> '"),
    "zsh, two lines, vi mode, a right prompt": _zsh(_RPROMPT),
    "zsh, two right prompts": _zsh("setopt transient_rprompt; PROMPT='%F{blue}%~%f %# '; RPROMPT='%B%D{%H:%M:%S}%b'"),
    "tcsh, a right prompt": _tcsh("set prompt='%m:%~%# '; set rprompt='%P'"),
    "fish, a right prompt": _fish("function fish_right_prompt; date '+%H:%M:%S'; end"),
    "fish, two lines, vi mode": _fish(
        "function fish_prompt; echo (whoami)' at '(pwd); echo '> '; end; fish_vi_key_bindings"
    ),
    "bash, a clock": _bash("PS1='[\\t] \\u\\$ '"),
    "bash, a clock at the end": _bash("PS1='\\u \\D{%H:%M:%S.%N}> '"),
    "bash, a counter without a sign": _bash("PS1='\\#. '"),
    "ash, a clock": _ash("PS1='\\t \\w # '"),
    # -- Unicode
    "bash, Unicode": _bash("PS1='\u03bb \u2603 '"),
    "bash, powerline": _bash(f"PS1='{_POWERLINE}'"),
    "zsh, Unicode": _zsh("PROMPT='\u279c  %1~ \u2717 '"),
    "dash, Unicode": _dash("PS1='\u65e5\u672c\u8a9e\u3002'"),
    "bash, wide letters at the end of a row": _bash(f"PS1='{_WIDE} \\$ '"),
    "bash, a prompt longer than a row": _bash(f"PS1='{'x' * 90} \\$ '"),
    # -- prompts that look like something else
    **{
        f"{shell}, prompt {prompt!r}": make(f"PS1='{prompt}'")
        for prompt in ("lab login: ", "Password: ", "uboot => ", "db> ", "ok ", ">>> ", ": ", "mysql> ", "grub> ")
        for shell, make in (("bash", _bash), ("dash", _dash))
    },
    "bash, prompt of two lines that ends as a login's": _bash("PS1='\\u at \\h\\nlogin: '"),
    "bash, prompt 'New password: '": _bash("PS1='New password: '"),
    "bash, prompt 'Verification code: '": _bash("PS1='Verification code: '"),
    "dash, prompt 'Continue? [y/N] '": _dash("PS1='Continue? [y/N] '", "a question"),
    "bash, prompt '100% '": _bash("PS1='100% '"),
    "zsh, prompt 'SAC>'": _zsh("PS1='SAC>'"),
    "bash, prompt '-> '": _bash("PS1='-> '"),
    "bash, prompt '> '": _bash("PS1='> '"),
    "bash, prompt 'lab login: ', end of file ignored": _bash("PS1='lab login: '; IGNOREEOF=99"),
    # -- no newline before the prompt
    "bash, no newline before the prompt": _bash("printf x"),
    "bash, a word and no newline before the prompt": _bash("printf 'loading modules ... done '"),
    "dash, no newline before the prompt": _dash("printf x"),
    "zsh, no newline before the prompt": _zsh("printf x"),
    "bash, PROMPT_COMMAND without a newline": _bash("PROMPT_COMMAND='printf x'"),
    # -- modes, aliases, functions
    "bash, set -o vi": _bash("set -o vi"),
    "bash, vi mode shown in the prompt": _bash("", **{".inputrc": _INPUTRC}),
    "mksh, set -o vi": _mksh("set -o vi"),
    "dash, set -o vi": _dash("set -o vi"),
    "bash, aliases": _bash(_ALIASES),
    "dash, aliases": _dash(_ALIASES),
    "ash, aliases": _ash(_ALIASES),
    "zsh, aliases": _zsh(_ALIASES),
    "tcsh, aliases": _tcsh(_CSH_ALIASES),
    "mksh, aliases": _mksh(_ALIASES),
    "bash, functions": _bash(_FUNCTIONS),
    "zsh, functions": _zsh(_FUNCTIONS),
    "dash, functions": _dash(_DASH_FUNCTIONS),
    "fish, functions": _fish(_FISH_FUNCTIONS, "reads keys"),
    "bash, functions, two lines": _bash(f"{_FUNCTIONS}\nPS1='a\\nb '"),
    "bash, no echo": _bash("stty -echo"),
    "dash, no echo": _dash("stty -echo"),
    "ash, no echo": _ash("stty -echo"),
    "dash, no echo, an odd prompt": _dash("stty -echo; PS1='vm: '"),
    "bash, no line editing": _bash("set +o emacs +o vi"),
    "bash, TMOUT=5": _bash("TMOUT=5"),
    "bash, TMOUT=5 and a slow prompt": _bash("TMOUT=5; PROMPT_COMMAND='sleep 1'"),
    "bash, set -eux": _bash("set -eux"),
    "dash, set -eux": _dash("set -eux"),
    "ash, set -eux": _ash("set -eux"),
    "zsh, set -eux": _zsh("set -eux"),
    "mksh, set -eux": _mksh("set -eux"),
    "bash, PROMPT_COMMAND prints": _bash("PROMPT_COMMAND='date; echo load: high'"),
    "bash, PROMPT_COMMAND sets a title": _bash("PROMPT_COMMAND='printf \"\\e]0;$PWD\\a\"'"),
    "bash, trap DEBUG": _bash("trap 'echo \"+ $BASH_COMMAND\"' DEBUG"),
    "bash, trap DEBUG that asks": _bash("trap 'echo \"run $BASH_COMMAND?\"' DEBUG; PS1='go? '"),
    "bash, trap EXIT": _bash("trap 'echo bye; sleep 1' EXIT"),
    "bash, stty intr and erase changed": _bash("stty intr ^X erase ^H kill ^@"),
    "bash, stty -icrnl raw prompt": _bash("stty -ixon -ixoff; bind 'set enable-bracketed-paste off'"),
    "zsh, a precmd that prints": _zsh("precmd() { print -P '%F{red}-- %D --%f' }; preexec() { echo \"run: $1\" }"),
    # -- slow profiles
    "bash, 40 s": _bash("sleep 40"),
    "dash, 40 s": _dash("sleep 40"),
    "zsh, 40 s": _zsh("sleep 40"),
    "bash, 40 s with a message": _bash("echo -n 'Mounting the home folder... '; sleep 40; echo done"),
    "tcsh, 12 s": _tcsh("sleep 12"),
    "fish, 12 s": _fish("sleep 12"),
    "mksh, 12 s": _mksh("sleep 12"),
    "ash, 12 s": _ash("sleep 12"),
    "bash, 12 s that ends like a prompt": _bash("printf 'scan # '; sleep 12; echo"),
    "dash, 12 s that ends like a prompt": _dash("printf 'scan> '; sleep 12; echo"),
    "bash, progress": _bash(_PROGRESS.format(step=5, end="echo")),
    "dash, progress": _dash(_PROGRESS.format(step=5, end="echo")),
    "bash, progress, no newline at its end": _bash(_PROGRESS.format(step=10, end="printf ' done '")),
    "bash, progress of 40 s": _bash(_PROGRESS.format(step=1, end="echo")),
    "zsh, progress": _zsh(_PROGRESS.format(step=10, end="echo")),
    "bash, a bar": _bash("for i in 1 2 3 4 5 6 7 8; do printf '#'; sleep 0.5; done; echo"),
    "bash, a spinner": _bash(_SPINNER),
    # -- terminals
    "dash, asks for the size": _dash(_SIZE),
    "bash, asks for the size for 2 s": _bash(_BASH_SIZE.format(seconds=2)),
    "bash, asks for the size for 60 s": _bash(_BASH_SIZE.format(seconds=60)),
    "zsh, asks for the size": _zsh(_SIZE),
    "bash, asks for the terminal's type": _bash("IFS= read -p $'\\e[c' -d c -rst 5 a </dev/tty"),
    "bash, a coloured motd": Profile("/bin/bash", motd=_MOTD),
    "dash, a coloured motd": Profile("/bin/dash", motd=_MOTD),
    "zsh, a coloured motd": Profile("/usr/bin/zsh", {".zshrc": "\n"}, motd=_MOTD),
    "bash, a motd of 300 lines": Profile("/bin/bash", motd="".join(f"line {n}: all is well\n" for n in range(300))),
    "bash, a motd like a refusal": Profile("/bin/bash", motd="Login incorrect\nvm login: \nPassword: \n"),
    "bash, clears the screen": _bash("clear"),
    "bash, tput init and reset": _bash("tput init; tput reset"),
    # -- PATH, questions
    "bash, PATH=/nowhere": _bash("PATH=/nowhere"),
    "dash, PATH=/nowhere": _dash("PATH=/nowhere"),
    "ash, PATH=/nowhere": _ash("PATH=/nowhere"),
    "zsh, PATH=/nowhere": _zsh("PATH=/nowhere"),
    "tcsh, PATH=/nowhere": _tcsh("setenv PATH /nowhere"),
    "fish, PATH=/nowhere": _fish("set -x PATH /nowhere"),
    "mksh, PATH=/nowhere": _mksh("PATH=/nowhere"),
    "bash, HOME changed": _bash("export HOME=$HOME/other"),
    "bash, Press ENTER to continue": _bash("read -p 'Press ENTER to continue' a"),
    "dash, Press any key": _dash("printf 'Press any key... '; read a"),
    "bash, a question": _bash("read -p 'Your name? ' a; echo \"hello $a\""),
    "bash, a question for yes": _bash("read -p 'Update now? [Y/n] ' a; [ \"$a\" = n ] || echo >$HOME/chosen"),
    # -- the same in other languages
    **{
        f"{shell}, {text}": make(f"printf '{text}'; read a")
        for text in _ENTER_TEXTS
        for shell, make in (("bash", _bash), ("dash", _dash))
    },
    **{f"bash, any key, {text}": _bash(f"read -rsn1 -p '{text}'; echo") for text in _KEY_TEXTS},
    **{
        f"bash, a question for yes, {text}": _bash(f"read -p '{text}' a; [ \"$a\" = n ] || echo >$HOME/chosen")
        for text in _QUESTIONS
    },
    "bash, a silent question": _bash("read -s a"),
    "bash, a hidden question": _bash("read -sp 'Token: ' a; echo", "second factor"),
    "bash, a pager": _bash("seq 500 | more"),
    # -- programs that the profile starts
    "bash, tmux": _bash(f"{_TMUX}; [ -n \"$TMUX\" ] || tmux -f /dev/null"),
    "bash, exec tmux": _bash(f"{_TMUX}; [ -n \"$TMUX\" ] || exec tmux -f /dev/null", "tmux"),
    "bash, screen": _bash(f"{_SCREEN}; [ -n \"$STY\" ] || screen -c /dev/null"),
    "bash, exec screen": _bash(f"{_SCREEN}; [ -n \"$STY\" ] || exec screen -c /dev/null", "screen"),
    "bash, a select menu": _bash(_SELECT),
    "a menu": Profile(f"#!/bin/sh\n{_MENU}", says="menu"),
    "a menu of single keys": Profile(f"#!/bin/bash\n{_KEY_MENU}", says="reads keys"),
    "bash, dialog": _bash(_DIALOG.format(program="dialog")),
    "bash, whiptail": _bash(_DIALOG.format(program="whiptail")),
    "a dialog that comes again": Profile(
        f"#!/bin/bash\nwhile :; do {_DIALOG.format(program='dialog')}; done\n", says="screen"
    ),
    "bash, exec dialog": _bash(f"exec {_DIALOG.format(program='dialog')}", "screen"),
    "rbash": Profile("/bin/rbash", says="restricted"),
    "bash, set -r": _bash("set -r", "restricted"),
    "bash, top": _bash("top"),
    "bash, a log": _bash("while :; do echo all is well; sleep 0.3; done", ""),
    "bash, cat": _bash("cat", ""),
    # -- another shell
    **{
        f"bash, exec {name}": _bash(f"exec {path}", **{".zshrc": "\n"})
        for name, path in (
            ("dash", "/bin/dash"), ("ash", "/bin/busybox ash"), ("zsh", "/usr/bin/zsh"), ("fish", "/usr/bin/fish"),
            ("tcsh", "/usr/bin/tcsh"), ("mksh", "/bin/mksh"),
        )
    },
    **{
        f"{shell}, starts {name}": make(f"{path}", )
        for shell, make in (("bash", _bash), ("dash", _dash))
        for name, path in (("dash", "/bin/dash"), ("zsh", "/usr/bin/zsh -f"), ("fish", "/usr/bin/fish"))
    },
    "bash, script": _bash("script -q $HOME/typescript"),
    "bash, logs out with a message": _bash("", **{".bash_logout": "echo bye; sleep 1; clear\n"}),
    # -- history
    "bash, a history that is written at once": _bash(_HISTORY),
    "zsh, a history that is written at once": _zsh(_ZSH_HISTORY),
    "mksh, a history": _mksh("HISTFILE=~/.mksh_history; HISTSIZE=100"),
    "ash, a history": _ash("HISTFILE=~/.ash_history"),
    "tcsh, a history": _tcsh("set history=100; set savehist=(100 merge)"),
}  # fmt: skip
