# Make the part file anew, in the folder for it. Prints "o" when it is there.
rm -f part
(set -C;: >part) && echo o
