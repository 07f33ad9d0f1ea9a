/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <errno.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sbuf.h"
#include "wg/nft_internal.h"
#include "wg/rtnl.h"

enum {
	BATCH_SIZE = 32 * 1024,
	RULES_MAX = 8,
	COMMENT_SIZE = 64,
	FILTER_PRIORITY = 0,
	SRCNAT_PRIORITY = 100, /* NF_IP_PRI_NAT_SRC */
};

const char *nft_table_name(char buf[NFT_TABLE_SIZE], const char *interface)
{
	snprintf(buf, NFT_TABLE_SIZE, "wgkeeper_%s", interface);
	/* interfaces may have characters that table names may not */
	for (char *c = buf; *c; c++)
		if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
			    (*c >= '0' && *c <= '9') || *c == '_'))
			*c = '_';
	return buf;
}

static void free_rule(struct nftnl_rule **rule)
{
	if (*rule)
		nftnl_rule_free(*rule);
}

static void free_chain(struct nftnl_chain **chain)
{
	if (*chain)
		nftnl_chain_free(*chain);
}

static void free_table(struct nftnl_table **table)
{
	if (*table)
		nftnl_table_free(*table);
}

/*
 * A transaction: messages side by side between "begin" and "end"
 */

struct batch {
	char bytes[BATCH_SIZE];
	struct mnl_nlmsg_batch *messages;
	char table[NFT_TABLE_SIZE], comment[COMMENT_SIZE];
	unsigned n_rules;
	unsigned last_seq;
	int failed; /* errno of the first message that was refused */
};

static void free_batch(struct batch **batch)
{
	if (*batch && (*batch)->messages)
		mnl_nlmsg_batch_stop((*batch)->messages);
	free(*batch);
}

static void *here(struct batch *b)
{
	return mnl_nlmsg_batch_current(b->messages);
}

/* The batch is some 2 KiB; its buffer cannot run out. */
static void next(struct batch *b)
{
	if (!mnl_nlmsg_batch_next(b->messages))
		abort();
}

static struct nlmsghdr *begin(struct batch *b, uint16_t type, uint16_t family, uint16_t flags)
{
	b->last_seq = rtnl_next_seq();
	return nftnl_nlmsg_build_hdr(here(b), type, family, flags, b->last_seq);
}

static struct batch *new_batch(const char *interface)
{
	scoped(free_batch) struct batch *b = calloc(1, sizeof *b);

	if (!b)
		return NULL;
	b->messages = mnl_nlmsg_batch_start(b->bytes, sizeof b->bytes / 2);
	if (!b->messages)
		return NULL;
	nft_table_name(b->table, interface);
	nftnl_batch_begin(here(b), rtnl_next_seq());
	next(b);
	return TAKE(b);
}

static void put_table(struct batch *b, uint16_t type, uint16_t flags)
{
	scoped(free_table) struct nftnl_table *table = nftnl_table_alloc();

	if (!table)
		abort();
	nftnl_table_set_str(table, NFTNL_TABLE_NAME, b->table);
	nftnl_table_nlmsg_build_payload(begin(b, type, NFPROTO_INET, flags), table);
	next(b);
}

static void put_chain(struct batch *b, const char *name, const char *type, uint32_t hook, int priority)
{
	scoped(free_chain) struct nftnl_chain *chain = nftnl_chain_alloc();

	if (!chain)
		abort();
	nftnl_chain_set_str(chain, NFTNL_CHAIN_TABLE, b->table);
	nftnl_chain_set_str(chain, NFTNL_CHAIN_NAME, name);
	nftnl_chain_set_str(chain, NFTNL_CHAIN_TYPE, type);
	nftnl_chain_set_u32(chain, NFTNL_CHAIN_HOOKNUM, hook);
	nftnl_chain_set_s32(chain, NFTNL_CHAIN_PRIO, priority);
	nftnl_chain_set_u32(chain, NFTNL_CHAIN_POLICY, NF_ACCEPT);
	nftnl_chain_nlmsg_build_payload(
		begin(b, NFT_MSG_NEWCHAIN, NFPROTO_INET, NLM_F_CREATE), chain);
	next(b);
}

static void put_comment(struct nftnl_rule *rule, const char *comment)
{
	struct nftnl_udata_buf *udata = nftnl_udata_buf_alloc(2 * COMMENT_SIZE);

	if (!udata)
		abort();
	nftnl_udata_put_strz(udata, NFTNL_UDATA_RULE_COMMENT, comment);
	nftnl_rule_set_data(rule, NFTNL_RULE_USERDATA, nftnl_udata_buf_data(udata),
		nftnl_udata_buf_len(udata));
	nftnl_udata_buf_free(udata);
}

static struct nftnl_rule *new_rule(struct batch *b, const char *chain)
{
	struct nftnl_rule *rule = nftnl_rule_alloc();

	if (!rule)
		abort();
	nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, b->table);
	nftnl_rule_set_str(rule, NFTNL_RULE_CHAIN, chain);
	nftnl_rule_set_u32(rule, NFTNL_RULE_FAMILY, NFPROTO_INET);
	put_comment(rule, b->comment);
	return rule;
}

static void put_rule(struct batch *b, struct nftnl_rule *rule)
{
	nftnl_rule_nlmsg_build_payload(
		begin(b, NFT_MSG_NEWRULE, NFPROTO_INET, NLM_F_CREATE | NLM_F_APPEND), rule);
	next(b);
	b->n_rules++;
}

/*
 * Sending
 */

static int on_answer(const struct nlmsghdr *message, struct batch *b)
{
	const struct nlmsgerr *answer = mnl_nlmsg_get_payload(message);

	if (message->nlmsg_type != NLMSG_ERROR)
		return 0;
	if (answer->error && !b->failed)
		b->failed = -answer->error;
	return message->nlmsg_seq == b->last_seq;
}

static int read_answers(struct batch *b, struct mnl_socket *socket, struct err *err)
{
	char buffer[8192];

	for (bool over = false; !over;) {
		const struct nlmsghdr *message = (const void *)buffer;
		int n = rtnl_receive(socket, buffer, sizeof buffer);

		if (n < 0)
			return err_set(err, REASON_INTERNAL, NULL, "nftables: %s", strerror(errno));
		for (; mnl_nlmsg_ok(message, n); message = mnl_nlmsg_next(message, &n))
			over = on_answer(message, b) || over;
	}
	return 0;
}

/* The last message asks for an acknowledgement; errors of others come before it. */
static int commit(struct batch *b, struct err *err)
{
	scoped(rtnl_closep) struct mnl_socket *socket = NULL;
	int r = rtnl_open(NETLINK_NETFILTER, 0, &socket, err);

	if (r < 0)
		return r;
	nftnl_batch_end(here(b), rtnl_next_seq());
	next(b);
	if (mnl_socket_sendto(socket, mnl_nlmsg_batch_head(b->messages),
		    mnl_nlmsg_batch_size(b->messages)) < 0)
		return err_set(err, REASON_INTERNAL, NULL, "nftables: %s", strerror(errno));
	r = read_answers(b, socket, err);
	if (r >= 0 && b->failed)
		return err_set(err, REASON_INTERNAL, NULL, "nftables: table '%s': %s", b->table,
			strerror(b->failed));
	return r;
}

/*
 * Ours
 */

/* Every rule of ours carries this: whether the table is what it should be is seen without taking it
 * apart, and a table that is right is not touched. */
static void make_comment(struct batch *b, const struct nft_rules *rules)
{
	char text[CIDR_TEXT_SIZE];
	uint64_t sum = 14695981039346656037u; /* FNV-1a: it tells rules apart, not attackers */
	scoped(sbuf_done) struct sbuf all = SBUF_INIT(1024);

	sbuf_printf(&all, "1 %s %s %d %d", rules->interface, rules->wan, rules->masquerade,
		rules->isolate_peers);
	for (unsigned i = 0; i < rules->n_subnets; i++)
		sbuf_printf(&all, " %s", cidr_format(text, &rules->subnets[i]));
	for (size_t i = 0; i < all.len; i++)
		sum = (sum ^ (uint8_t)all.data[i]) * 1099511628211u;
	snprintf(b->comment, sizeof b->comment, "wgkeeper %016llx", (unsigned long long)sum);
}

static void put_forward(struct batch *b, const struct nft_rules *rules)
{
	const char *const from[] = { rules->interface, rules->wan };

	if (rules->isolate_peers) {
		scoped(free_rule) struct nftnl_rule *rule = new_rule(b, "forward");

		nft_match_interface(rule, false, rules->interface);
		nft_match_interface(rule, true, rules->interface);
		nft_verdict(rule, NF_DROP);
		put_rule(b, rule);
	}
	for (unsigned i = 0; i < 2; i++) {
		scoped(free_rule) struct nftnl_rule *rule = new_rule(b, "forward");

		nft_match_interface(rule, false, from[i]);
		nft_match_interface(rule, true, from[!i]);
		nft_verdict(rule, NF_ACCEPT);
		put_rule(b, rule);
	}
}

static void put_postrouting(struct batch *b, const struct nft_rules *rules)
{
	for (unsigned i = 0; rules->masquerade && i < rules->n_subnets; i++) {
		scoped(free_rule) struct nftnl_rule *rule = new_rule(b, "postrouting");

		nft_match_interface(rule, true, rules->wan);
		nft_match_source(rule, &rules->subnets[i]);
		nft_masquerade(rule);
		put_rule(b, rule);
	}
}

/* Rules that are there, and those with our comment. */
struct present {
	const char *table, *comment;
	unsigned n, ours;
};

static int on_rule(const struct nlmsghdr *message, void *ctx)
{
	scoped(free_rule) struct nftnl_rule *rule = nftnl_rule_alloc();
	struct present *present = ctx;
	uint32_t len = 0;
	const void *data;

	if (!rule || nftnl_rule_nlmsg_parse(message, rule) < 0 ||
		strcmp(nftnl_rule_get_str(rule, NFTNL_RULE_TABLE), present->table) != 0)
		return MNL_CB_OK;
	data = nftnl_rule_get_data(rule, NFTNL_RULE_USERDATA, &len);
	present->n++;
	present->ours += data && memmem(data, len, present->comment, strlen(present->comment) + 1);
	return MNL_CB_OK;
}

static bool is_there(const struct batch *b)
{
	struct present present = { .table = b->table, .comment = b->comment };
	struct err err;

	return nft_list(NFT_MSG_GETRULE, NFPROTO_INET, on_rule, &present, &err) >= 0 &&
	       present.n == b->n_rules && present.ours == b->n_rules;
}

int nft_install(const struct nft_rules *rules, struct err *err)
{
	scoped(free_batch) struct batch *b = new_batch(rules->interface);

	if (!b)
		return err_nomem(err);
	make_comment(b, rules);
	/* made, so that it can be deleted; deleted, so that it is new: all in one transaction */
	put_table(b, NFT_MSG_NEWTABLE, NLM_F_CREATE);
	put_table(b, NFT_MSG_DELTABLE, 0);
	put_table(b, NFT_MSG_NEWTABLE, NLM_F_CREATE);
	put_chain(b, "forward", "filter", NF_INET_FORWARD, FILTER_PRIORITY);
	put_chain(b, "postrouting", "nat", NF_INET_POST_ROUTING, SRCNAT_PRIORITY);
	put_forward(b, rules);
	put_postrouting(b, rules);
	if (is_there(b))
		return 0;
	put_table(b, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_ACK);
	return commit(b, err);
}

int nft_remove(const char *interface, struct err *err)
{
	scoped(free_batch) struct batch *b = new_batch(interface);

	if (!b)
		return err_nomem(err);
	put_table(b, NFT_MSG_NEWTABLE, NLM_F_CREATE);
	put_table(b, NFT_MSG_DELTABLE, NLM_F_ACK);
	return commit(b, err);
}

int nft_list(uint16_t type, uint16_t family, mnl_cb_t cb, void *ctx, struct err *err)
{
	scoped(rtnl_closep) struct mnl_socket *socket = NULL;
	char buffer[512];
	int r = rtnl_open(NETLINK_NETFILTER, 0, &socket, err);

	if (r < 0)
		return r;
	return rtnl_talk(socket, nftnl_nlmsg_build_hdr(buffer, type, family, NLM_F_DUMP, 0), cb, ctx,
		err);
}
