#!/bin/bash
# Makes the pictures in this folder: the real program, in a real terminal, on a screen that nobody sees.
#
#   screenshots/make.sh [SCENE...]
#
# Without names it makes every scene. Add one at the end of this file. Needs what `.ci/deps screenshots`
# installs, and the release binary (`make screenshots` builds it).
set -euo pipefail
cd "$(dirname "$0")/.."

program=${PROGRAM:-$PWD/.build/release/lockstep demo}
pictures=${PICTURES:-$PWD/screenshots}
font='JetBrains Mono'
wanted=("$@")
made=0
temporary=$(mktemp -d)
server=
terminal=

# script(1) outlives its terminal, and the program with it; ended by its own id it takes the program along.
end_session() {
  if [ -n "$terminal" ] && kill -0 "$terminal" 2>/dev/null; then
    kill "$(cat "$temporary/session")" 2>/dev/null || true
    for _ in $(seq 50); do
      kill -0 "$terminal" 2>/dev/null || break
      sleep 0.1
    done
    kill "$terminal" 2>/dev/null || true
  fi
  terminal=
}

finish() {
  end_session
  if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; fi
  rm -rf -- "$temporary"
}
trap finish EXIT
trap 'exit 130' INT TERM

# The X server picks a free number for itself and writes it down.
mkfifo "$temporary/display"
Xvfb -displayfd 3 -screen 0 2200x1400x24 -nolisten tcp -noreset 3>"$temporary/display" \
  >"$temporary/xvfb.log" 2>&1 &
server=$!
read -r display <"$temporary/display"
export DISPLAY=:$display LANG=C.UTF-8 LC_ALL=C.UTF-8
unset TMUX STY COLUMNS LINES NO_COLOR

# What the terminal shows now, as text: its output so far, fed to a small emulator.
screen_text() {
  PYTHONPATH=Tests/Benchmarks PYTHONDONTWRITEBYTECODE=1 python3 - "$temporary/output" "$1" "$2" <<'PYTHON'
import sys
from terminal import Screen
screen = Screen(int(sys.argv[3]), int(sys.argv[2]))
with open(sys.argv[1], "rb") as file:
    file.readline()  # the heading that script(1) writes
    screen.feed(file.read())
print(screen.text())
PYTHON
}

# scene NAME COLUMNSxROWS, and its steps on standard input, one a line:
#   wait PATTERN     until the screen shows it (extended regular expression), 20 seconds at most
#   key NAME...      press keys by their X names: Down, Return, Tab, colon, shift+k
#   type TEXT        type a text
#   pause SECONDS    let it be
#   shot [NAME]      take a picture; one is taken at the end anyway, named after the scene
scene() {
  local name=$1 columns=${2%x*} rows=${2#*x} step rest window
  if [ ${#wanted[@]} -gt 0 ]; then
    case " ${wanted[*]} " in *" $name "*) ;; *) return 0 ;; esac
  fi
  : >"$temporary/window"
  : >"$temporary/output"
  # shellcheck disable=SC2016 # expanded inside the terminal
  xterm -u8 -fa "$font" -fs 11 -geometry "${columns}x${rows}+0+0" -bg '#101418' -fg '#d8dee9' -b 6 +sb \
    -xrm 'XTerm*directColor: true' -xrm 'XTerm*termName: xterm-256color' \
    -xrm 'XTerm*boldColors: false' -xrm 'XTerm*allowBoldFonts: true' -xrm 'XTerm*cursorBlink: false' \
    -e sh -c 'echo $$ >"$1/session"; echo "$WINDOWID" >"$1/window"; exec script -qfc "$2" "$1/output"' \
    sh "$temporary" "$program" &
  terminal=$!
  for _ in $(seq 100); do
    [ -s "$temporary/window" ] && [ -s "$temporary/output" ] && break
    sleep 0.05
  done
  window=$(cat "$temporary/window")
  xdotool windowfocus "$window"

  while read -r step rest; do
    case $step in
      '' | '#'*) ;;
      wait) await "$name" "$columns" "$rows" "$rest" ;;
      # shellcheck disable=SC2086 # one word a key
      key) xdotool key --clearmodifiers --delay 60 $rest; sleep 0.2 ;;
      type) xdotool type --clearmodifiers --delay 40 "$rest"; sleep 0.2 ;;
      pause) sleep "$rest" ;;
      shot) picture "$window" "${rest:-$name}" ;;
      *) echo "error: scene $name: no such step: $step" >&2; exit 2 ;;
    esac
  done
  picture "$window" "$name"

  xdotool key --clearmodifiers shift+q
  for _ in $(seq 100); do
    kill -0 "$terminal" 2>/dev/null || break
    sleep 0.1
  done
  end_session
}

await() {
  local limit=$((SECONDS + 20))
  until screen_text "$2" "$3" >"$temporary/text" && grep -Eq -- "$4" "$temporary/text"; do
    if [ $SECONDS -ge $limit ]; then
      printf 'error: scene %s: "%s" did not appear; the screen was:\n' "$1" "$4" >&2
      cat "$temporary/text" >&2
      exit 1
    fi
    sleep 0.2
  done
}

picture() {
  import -window "$1" -strip "$pictures/$2.png"
  echo "$pictures/$2.png"
  made=$((made + 1))
}

# The scenes.

scene overview 120x40 <<'STEPS'
wait pending +8
pause 2
STEPS

scene locks 120x40 <<'STEPS'
wait pending +8
key 4
wait web-2
pause 1
STEPS

scene plan 120x40 <<'STEPS'
wait pending +8
key a
pause 1
STEPS

scene small 80x24 <<'STEPS'
wait pending +8
pause 2
STEPS

scene checks 120x40 <<'STEPS'
wait pending +8
key 5
pause 1
type V
wait settled
pause 1
STEPS

scene wide 200x60 <<'STEPS'
wait pending +8
pause 12
STEPS

if [ "$made" = 0 ]; then
  echo "error: there is no scene ${wanted[*]}" >&2
  exit 2
fi
