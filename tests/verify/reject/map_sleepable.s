# Not every map may be slept over.
# type: syscall
# map: vals lpm_trie 8 8 4 1
# sleepable
# expect: EINVAL Sleepable programs can only use array, hash, ringbuf and local storage maps
	r1 = map[vals]
	r0 = 0
	exit
