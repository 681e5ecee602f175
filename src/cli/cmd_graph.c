/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/cmd_graph.c - visor graph: a chain file, drawn, without anything being loaded; or a chain
 * that is up, with what went over its edges.
 *
 * What is no file and could be the name of a chain is one.
 */
#include "chain/graph.h"
#include "chain/open.h"
#include "cli/cmd_live.h"
#include "cli/json.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static const struct graph_format {
	const char *name;
	int (*print)(const struct graph *graph, const struct graph_opts *opts, FILE *to);
} graph_formats[] = {{"text", graph_text}, {"dot", graph_dot}, {"svg", graph_svg}};

static void graph_warn(void *user, const struct visor_diag *remark)
{
	fputs("warning: ", stderr);
	visor_diag_print(remark, stderr);
}

static int graph_json(const struct graph *g, const struct graph_opts *opts)
{
	static const char *const kinds[] = {[GRAPH_SOURCE] = "source",
					    [GRAPH_INPUT] = "input",
					    [GRAPH_SINK] = "sink",
					    [GRAPH_HOST] = "host",
					    [GRAPH_DROP] = "drop"};
	struct json j;

	json_init(&j, stdout);
	json_object(&j, NULL);
	json_str(&j, "file", g->title);
	json_str(&j, "hook", g->hook);
	json_array(&j, "nodes");
	for (uint32_t i = 0; i < g->n_nodes; i++) {
		const struct graph_node *n = &g->nodes[i];

		json_object(&j, NULL);
		json_u64(&j, "id", i);
		json_str(&j, "kind", kinds[n->kind]);
		json_str(&j, "name", n->name);
		if (n->kind == GRAPH_INPUT) {
			json_str(&j, "input", n->input);
			json_str(&j, "object", n->object);
			json_bool(&j, "internal", n->internal);
		}
		json_u64(&j, "rank", n->rank);
		json_object_end(&j);
	}
	json_array_end(&j);
	json_array(&j, "edges");
	for (uint32_t i = 0; i < g->n_edges; i++) {
		const char *at = g->edges[i].outputs;

		json_object(&j, NULL);
		json_u64(&j, "from", g->edges[i].from);
		json_u64(&j, "to", g->edges[i].to);
		json_array(&j, "outputs");
		while (*at) {
			size_t len = strcspn(at, ",");

			json_strn(&j, NULL, at, len);
			at += len + 2 * (at[len] == ',');
		}
		json_array_end(&j);
		if (opts) {
			char label[GRAPH_LABEL];

			opts->label(opts->user, &g->edges[i], label, sizeof(label));
			json_u64(&j, "packets", strtoull(label, NULL, 10));
		}
		json_object_end(&j);
	}
	json_array_end(&j);
	json_object_end(&j);
	putchar('\n');
	return 0;
}

static int graph_file(struct cli *cli, struct graph **graph)
{
	struct visor_diag diag = {0};
	struct chain_desc *desc;
	struct open_chain chain;
	int err;

	if (chain_parse(cli->args[0], &desc, &diag))
		return cli_fail(&diag);
	err = open_chain(desc, graph_warn, NULL, &chain, &diag);
	if (!err) {
		err = graph_new(desc, chain.modules, chain.plan, graph, &diag);
		open_chain_free(&chain);
	}
	chain_desc_free(desc);
	return err ? cli_fail(&diag) : CLI_OK;
}

static int graph_live(struct cli *cli, struct graph **graph, struct live_status **status)
{
	struct visor_diag diag = {0};
	struct live_cmd c;
	int code = cmd_live_begin_name(&c, cli, cli->args[0]);

	if (code)
		return code;
	if (live_status_get(&c.opts, cli->args[0], status, &diag) ||
	    graph_of_live(cli->args[0], *status, graph, &diag))
		code = cli_fail(&diag);
	cmd_live_end(&c);
	return code;
}

int cli_graph(struct cli *cli)
{
	const char *name = cli->opt[OPT_FORMAT] ? cli->opt[OPT_FORMAT] : "text";
	const struct graph_format *format = NULL;
	struct live_status *status = NULL;
	struct graph_live live = {0};
	struct graph_opts opts = {graph_live_label, &live};
	struct graph *graph = NULL;
	int code, err;

	for (size_t i = 0; i < ARRAY_SIZE(graph_formats); i++)
		if (!strcmp(graph_formats[i].name, name))
			format = &graph_formats[i];
	if (!format)
		return cli_usage(cli, "--format must be text, dot or svg, not '%s'", name);
	if (cli->opt[OPT_FORMAT] && cli->opt[OPT_JSON])
		return cli_usage(cli, "--json is a format, too");
	if (strpbrk(cli->args[0], "./") || !access(cli->args[0], F_OK))
		code = graph_file(cli, &graph);
	else
		code = graph_live(cli, &graph, &status);
	if (!code) {
		live = (struct graph_live){graph, status};
		err = cli->opt[OPT_JSON] ? graph_json(graph, status ? &opts : NULL)
					 : format->print(graph, status ? &opts : NULL, stdout);
		if (err)
			code = cli_error(err, NULL, "cannot draw the chain");
	}
	graph_free(graph);
	live_status_free(status);
	return code;
}
