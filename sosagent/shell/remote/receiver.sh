# The receiver: takes programs over a bad line, runs each at most once, and answers in frames.
#
# The start line (shell/start.py) evaluates it once its checksum is right. The client puts in front
#   sos_modes     what stty needs to put the tty back
#   sos_seconds   after so long the dead-man's switch closes everything
#   sos_patience  so long one program may run
#
# It reads    )TEXT             a portion of a program
#             ]N CRC LENGTH     run what was collected, if this is the checksum of N and the program
#             ]Z                put everything back and end
# It prints   =R                it is up; the answer to any other line too, so that whoever comes later knows
#             :TEXT             a program's output, whose other lines come as they are
#             =N STATUS CRC LENGTH   its end, and the checksum of "N STATUS OUTPUT"
#             =Z                all is put back
# N counts the programs that ran. A request that is damaged, or not the next one, changes nothing:
# it is answered with the reply of the last one that ran, whose N tells.
# Every process started here costs the user time, on small machines 30 ms: so much is done by builtins.

x=
n=0

# After $1 seconds do $2, unless ended by TERM; takes its sleep with it. For the background only.
# The colon: where `wait` is the last command, mksh ends without running the trap.
sos_after(){
trap 'kill $!;exit' 15
sleep $1 & wait $! && eval "$2"
:
}

# The dead-man's switch. Where this shell leads a process group it ends the group, else the shell.
sos_after $sos_seconds "stty $sos_modes<&1;kill -9 -$$ $$" & sos_switch=$!
echo =R

# The tty's idle time-out (start line) shows as an end of file, which here is none: the switch ends us.
while read -r l || :; do
case $l in
\)*)x=$x${l#?};;
]Z)break;;
]*)[ "$l" = "]$n $(printf %s "$n$x"|cksum)" ] && {
n=$((n+1))
# The program, with a watchdog for its shell (what that started is the switch's to end). A background
# job is a subshell, and its input is /dev/null, so it cannot eat the line.
o=$(eval "$x" 2>&1 & sos_program=$!
sos_after $sos_patience "kill -9 $sos_program" >&- 2>&- & wait $sos_program
r=$?
kill $!
exit $r)
r=$?
}
x=
printf :%s\\n "$o"
echo "=$n $r $(printf %s "$n $r $o"|cksum)";;
*)echo =R
esac
done
kill $sos_switch
wait $sos_switch
stty $sos_modes
echo =Z
exit
