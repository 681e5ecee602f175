/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/chain.h - a graph of IO modules and ports: described, brought up, run, measured.
 *
 *     chain file ──chain_parse──> struct chain_desc ──chain_up──> struct chain ──> chain_run
 *     one object ──chain_single──────────^                                   ──> chain_stats
 *
 * The caller owns the description (chain_desc_free) and the chain (chain_down); the chain
 * keeps no pointer into the description. A chain belongs to one thread at a time, except
 * that chain_stop may be called from anywhere, signal handlers included, and chain_stats
 * from another thread while the chain exists.
 */
#ifndef CHAIN_CHAIN_H
#define CHAIN_CHAIN_H

#include "load/tree.h"
#include "port/port.h"
#include "visor/visor.h"

/* ---- the description: what a chain file says -------------------------------------------- */

enum chain_engine { CHAIN_USER, CHAIN_KERNEL };
enum chain_hook { CHAIN_HOOK_AUTO, CHAIN_HOOK_XDP, CHAIN_HOOK_TC };

struct chain_pos {
	uint32_t line, col; /* 0: the description does not come from a file */
};

struct chain_desc_port {
	const char *name;
	struct chain_pos pos;
	const struct tree_node *node; /* what the file says of it; NULL: not from a file */
	struct port_config config;
};

struct chain_desc_module {
	const char *name;
	struct chain_pos pos;
	const char *object; /* path, or bare name for load_open */
	struct chain_pos object_pos;
	const struct tree_node *config; /* NULL or a mapping: read-only globals by name */
	const struct tree_node *maps;	/* NULL or a mapping: first contents of maps by name */
	const char **settings;		/* "NAME=VALUE", as config; n_settings of them */
	uint32_t n_settings;
};

/* One end of a link. */
struct chain_desc_end {
	const char *node;   /* port or module */
	const char *input;  /* NULL: not named */
	const char *output; /* NULL: not named */
	struct chain_pos pos;
};

/* One arrow: `a -> b -> c` is two of them. */
struct chain_desc_link {
	struct chain_desc_end from, to; /* to.output is always NULL */
};

struct chain_desc {
	char *file; /* for messages */
	const char *name; /* of the chain once it lives; NULL: the file's */
	bool live;	  /* packets come through entry programs, which takes them one tail call */
	enum chain_engine engine;
	enum chain_hook hook;
	struct chain_desc_port *ports;
	uint32_t n_ports;
	struct chain_desc_module *modules;
	uint32_t n_modules;
	struct chain_desc_link *links;
	uint32_t n_links;
	const struct tree_node *signatures, *keys; /* chain/sign.h; or NULL */
	struct tree *tree; /* owns all texts and nodes; NULL: not from a file */
	char *texts;	   /* owns the names of a description that is not from a file */
};

/*
 *     ports:                               # where packets come from and go to
 *       wan: {pcap: in.pcap, pcap_out: out.pcap}
 *       lan: {pcap_out: lan.pcap}
 *     modules:
 *       fw:
 *         object: firewall                 # a file (.o, .c), or a name in the module path
 *         config: {default_action: drop}   # read-only globals
 *         maps: {sources4: {10.0.0.0/8: allow}}
 *       count: counter                      # short for {object: counter}
 *     links:
 *       - wan -> fw.outside -> count -> lan
 *       - fw:suspicious -> wan
 *     hook: xdp                            # or tc; without it, what all modules have
 *     engine: user
 *     signatures: require                  # of all objects
 *     keys: [release.pub]
 *
 * Paths are relative to the chain file. Parses it; errors have the place
 * "file:line:col" and, where possible, a hint.
 */
int chain_parse(const char *path, struct chain_desc **out, struct visor_diag *diag);
int chain_parse_text(const char *name, const char *text, size_t len, struct chain_desc **out,
		     struct visor_diag *diag);

/*
 * The short form, `visor run OBJECT.o --in a.pcap --out b.pcap`: in -> module -> out, the
 * module being named after the object. `output` may be NULL: passed packets then go to the
 * host, as if nothing was linked. `program` chooses among the object's programs (NULL: the
 * only one of the hook). `config` holds n texts "NAME=VALUE", which must outlive the description.
 */
struct chain_single {
	const char *object, *program, *input, *output;
	const char *const *config;
	uint32_t n_config;
	enum chain_hook hook;
};
int chain_single(const struct chain_single *what, struct chain_desc **out, struct visor_diag *diag);

void chain_desc_free(struct chain_desc *desc);

/* ---- a chain that is up -------------------------------------------------------------------- */

struct chain;

struct chain_opts {
	size_t sz;
	struct visor *visor; /* the engine; NULL: the thread's current one (visor_use) */
	/* Called for each remark that is not an error ("program x of module y is not linked"). */
	void (*warn)(void *user, const struct visor_diag *remark);
	void *user;
};

/*
 * Plans, opens the ports, loads and stitches the modules. All or nothing: on failure no
 * program, map or port stays open (an output capture file may have been created).
 * opts may be NULL.
 */
int chain_up(const struct chain_desc *desc, const struct chain_opts *opts, struct chain **out,
	     struct visor_diag *diag);

struct chain_run_opts {
	size_t sz;
	uint64_t max_packets; /* stop after so many packets from all ports; 0: at the end */
	uint32_t tick_ms;     /* call on_tick about this often; 0: never */
	int (*on_tick)(void *user, struct chain *chain); /* not 0: stop, and return that */
	void *user;
};

/*
 * Moves packets from the ports through the chain until every source has ended. Returns 0;
 * -EIO with diag if a source or sink broke (the packets before it have been processed, and
 * the other ports run to their ends); what on_tick returned. Faults of programs do
 * not stop it: they are counted, the first is kept in the statistics. May be called again.
 */
int chain_run(struct chain *chain, const struct chain_run_opts *opts, struct visor_diag *diag);

/* Makes chain_run return 0 soon. Async-signal-safe. */
void chain_stop(struct chain *chain);

/* Flushes the ports, releases everything. Reports the error of a last write (NULL is fine). */
int chain_down(struct chain *chain, struct visor_diag *diag);

/* The module's object, for its maps and BTF; NULL if there is no such module. Borrowed. */
struct bpf_object *chain_object(const struct chain *chain, const char *module);

/* ---- statistics ------------------------------------------------------------------------------ */

struct chain_count {
	uint64_t packets, bytes;
};

/* What the programs of one input returned. Rows that were never returned are there, too. */
struct chain_stats_output {
	char name[32];	 /* "pass", "drop", ..., a named output's name, or one of the two below */
	bool named;	 /* a named output of the module */
	bool linked;	 /* leads to another module or to a port; otherwise it keeps its meaning,
			  * and a named output drops */
	char target[80]; /* "nat.outside" or "lan"; empty if not linked */
	struct chain_count count;
};
#define CHAIN_OUTPUT_OTHER  "other"  /* returned a value that is nothing known */
#define CHAIN_OUTPUT_MISSED "missed" /* was to go to a linked input that was not there */

struct chain_stats_input {
	char name[64];		  /* the program's name */
	struct chain_count total; /* packets that left by any output; bytes as they left */
	uint64_t runs;		  /* as the engine counted: more than total.packets if it faulted */
	uint64_t run_ns;	  /* estimated time in this program alone; 0: not measured */
	uint32_t n_outputs;
	struct chain_stats_output *outputs;
};

struct chain_stats_module {
	char name[64];
	struct chain_count total; /* of all inputs */
	uint64_t runs, run_ns;	  /* of all inputs; ns per packet = run_ns / runs */
	uint32_t n_inputs;
	struct chain_stats_input *inputs;
};

struct chain_stats_port {
	char name[64];
	uint32_t ifindex;
	struct port_stats io;
};

/* What became of the packets in the end: each packet from a port is in exactly one.
 *   OUTCOME(id, text) */
#define CHAIN_OUTCOMES(OUTCOME)                                                                \
	OUTCOME(HOST, "to host") /* passed, and linked to nothing */                           \
	OUTCOME(SENT, "sent")	 /* out of a port: linked, redirect or tx */                   \
	OUTCOME(DROP, "dropped")                                                               \
	OUTCOME(ABORTED, "aborted") /* verdict XDP_ABORTED or an unknown value */              \
	OUTCOME(UNSENT, "not sent") /* to a port that does not exist, has no sink, or broke */ \
	OUTCOME(FAULT, "faulted")   /* the program did something forbidden */

enum chain_outcome {
#define OUTCOME(id, text) CHAIN_##id,
	CHAIN_OUTCOMES(OUTCOME)
#undef OUTCOME
		CHAIN_OUTCOME_COUNT
};
extern const char *const chain_outcome_text[CHAIN_OUTCOME_COUNT];

struct chain_stats {
	uint64_t packets;			/* into the chain */
	uint64_t outcomes[CHAIN_OUTCOME_COUNT]; /* sum: packets */
	uint64_t ns;				/* spent in chain_run */
	struct visor_diag first_fault;		/* err is 0: none */
	uint32_t n_modules, n_ports;
	struct chain_stats_module *modules; /* in the order of the chain file */
	struct chain_stats_port *ports;
};

/* A snapshot, freed by the caller with chain_stats_free. -ENOMEM. */
int chain_stats_get(struct chain *chain, struct chain_stats **out);
void chain_stats_free(struct chain_stats *stats);

#endif
