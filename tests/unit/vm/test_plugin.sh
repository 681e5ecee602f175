#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The conformance plugin's protocol: memory first or absent, options after, result in hex.
plugin=$VISOR_BUILD/conformance-plugin
failed=0

# expect NAME STATUS OUTPUT PROGRAM [ARGUMENT...]: OUTPUT is r0, or a part of the message
expect() {
	name=$1 status=$2 output=$3 program=$4
	shift 4
	got=$(printf '%s\n' "$program" | "$plugin" "$@" 2>&1)
	code=$?
	case $status$got in
	0"$output") [ $code = 0 ] && return ;;
	1*"$output"*) [ $code = 1 ] && return ;;
	esac
	echo "$name: status $code, '$got' instead of '$output'"
	failed=1
}

exit_='95 00 00 00 00 00 00 00'
expect 'result in hex'     0 2a               "b7000000 2a000000 $exit_"
expect 'all 64 bits'       0 ffffffffffffffff "b7 00 00 00 ff ff ff ff $exit_" --engine interp
expect 'no memory'         0 0                "bf 20 00 00 00 00 00 00 $exit_"
expect 'empty memory'      0 0                "bf 20 00 00 00 00 00 00 $exit_" ''
expect 'length of memory'  0 8                "bf 20 00 00 00 00 00 00 $exit_" '00 01 02 03 04 05 06 07'
expect 'memory'            0 3                "71 10 03 00 00 00 00 00 $exit_" 0001020304050607 --engine interp
expect 'options first'     0 3                "71 10 03 00 00 00 00 00 $exit_" --engine interp 0001020304050607
expect 'as runners call it' 0 3               "71 10 03 00 00 00 00 00 $exit_" '00  01  02  03 ' ''
expect 'options in one'    0 3                "71 10 03 00 00 00 00 00 $exit_" '00 01 02 03' '--debug --engine interp'
expect 'beyond memory'     1 'read of 1 bytes at memory +8' "71 10 08 00 00 00 00 00 $exit_" 0001020304050607
expect 'helper 5'          0 2 "b7 01 00 00 ff ff ff ff 85 00 00 00 05 00 00 00 b7 00 00 00 02 00 00 00 $exit_"
expect 'helper 5 is not 0' 0 1 "85 00 00 00 05 00 00 00 15 00 01 00 00 00 00 00 b7 00 00 00 01 00 00 00 $exit_"
expect 'callx'             0 2 "b7 02 00 00 05 00 00 00 8d 02 00 00 00 00 00 00 b7 00 00 00 02 00 00 00 $exit_"
expect 'callx, old form'   0 2 "b7 02 00 00 05 00 00 00 8d 00 00 00 02 00 00 00 b7 00 00 00 02 00 00 00 $exit_"
expect 'unknown helper'    1 'unknown#9999' "85 00 00 00 0f 27 00 00 $exit_"
expect 'high shift'        0 10000000 "b7 00 00 00 11 00 00 00 64 00 00 00 fc ff ff ff $exit_"
expect 'division by 0'     0 0 "b7 00 00 00 11 00 00 00 37 00 00 00 00 00 00 00 $exit_"
expect 'unknown opcode'    1 opcode "ff 00 00 00 00 00 00 00 $exit_"
expect 'no exit'           1 'last insn' 'b7 00 00 00 00 00 00 00'
expect 'half a byte'       1 'not bytes in hex' '9'
expect 'half a program'    1 '8-byte instructions' '95 00 00'
expect 'no program'        1 '8-byte instructions' ''
expect 'not hex'           1 'not bytes in hex' 'exit'
expect 'memory not hex'    1 'memory is not bytes' "$exit_" zz
expect 'unknown engine'    1 interp "$exit_" --engine jit
expect 'which engine'      1 which "$exit_" --engine
expect 'endless loop'      1 'stopped after 67108864 instructions' "05 00 ff ff 00 00 00 00 $exit_"
expect 'unknown option'    1 usage "$exit_" --elf
exit $failed
