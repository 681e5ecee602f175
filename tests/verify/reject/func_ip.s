# A function is at hand in tracing programs only.
# type: tracepoint
# expect: ENOTSUPP func bpf_get_func_ip#173 not supported for program type 5
	call 173
	r0 = 0
	exit
