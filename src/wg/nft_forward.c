/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wg/nft_internal.h"

/*
 * What others do to forwarded traffic. An accept of ours cannot take back another
 * table's drop, so all there is to do is to see it and to say which command mends it.
 */

enum { CHAINS_MAX = 16, NAME_SIZE = 64 };

struct chain {
	char table[NAME_SIZE], name[NAME_SIZE];
	uint32_t family;
	bool drops;   /* what no rule decides is dropped */
	bool accepts; /* a rule of the table lets the interface pass */
};

struct survey {
	const struct nft_rules *rules;
	char own_table[NFT_TABLE_SIZE];
	struct chain chains[CHAINS_MAX];
	unsigned n;
};

static const struct {
	uint32_t family;
	const char *word;
} families[] = {
	{ NFPROTO_INET, "inet" },
	{ NFPROTO_IPV4, "ip" },
	{ NFPROTO_IPV6, "ip6" },
};

static const char *family_word(uint32_t family)
{
	for (size_t i = 0; i < N_ELEMENTS(families); i++)
		if (families[i].family == family)
			return families[i].word;
	return NULL;
}

static bool serves(const struct nft_rules *rules, uint32_t family)
{
	for (unsigned i = 0; i < rules->n_subnets; i++)
		if (family == NFPROTO_INET ||
			(family == NFPROTO_IPV4) == (rules->subnets[i].family == IP_V4))
			return true;
	return false;
}

/* Whether the kernel's switch is on; one that cannot be read (no IPv6) counts as on. */
static bool is_on(const char *path)
{
	scoped(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	char value = '1';

	return fd < 0 || read(fd, &value, 1) != 1 || value != '0';
}

static const struct {
	uint8_t family;
	const char *path, *remedy;
} switches[] = {
	{ IP_V4, "/proc/sys/net/ipv4/ip_forward", "sysctl -w net.ipv4.ip_forward=1" },
	{ IP_V6, "/proc/sys/net/ipv6/conf/all/forwarding", "sysctl -w net.ipv6.conf.all.forwarding=1" },
};

static bool check_switches(const struct nft_rules *rules, struct nft_verdict *verdict)
{
	for (size_t i = 0; i < N_ELEMENTS(switches); i++)
		for (unsigned s = 0; s < rules->n_subnets; s++)
			if (rules->subnets[s].family == switches[i].family && !is_on(switches[i].path)) {
				verdict->state = NFT_FORWARD_OFF;
				snprintf(verdict->remedy, sizeof verdict->remedy, "%s",
					switches[i].remedy);
				return false;
			}
	return true;
}

static int on_chain(const struct nlmsghdr *message, void *ctx)
{
	struct nftnl_chain *chain = nftnl_chain_alloc();
	struct survey *survey = ctx;
	uint32_t family;

	if (chain && nftnl_chain_nlmsg_parse(message, chain) >= 0 && survey->n < CHAINS_MAX &&
		nftnl_chain_is_set(chain, NFTNL_CHAIN_HOOKNUM) &&
		nftnl_chain_get_u32(chain, NFTNL_CHAIN_HOOKNUM) == NF_INET_FORWARD &&
		strcmp(nftnl_chain_get_str(chain, NFTNL_CHAIN_TABLE), survey->own_table) != 0) {
		struct chain *c = &survey->chains[survey->n];

		family = nftnl_chain_get_u32(chain, NFTNL_CHAIN_FAMILY);
		c->family = family;
		c->drops = nftnl_chain_get_u32(chain, NFTNL_CHAIN_POLICY) == NF_DROP;
		snprintf(c->table, NAME_SIZE, "%s", nftnl_chain_get_str(chain, NFTNL_CHAIN_TABLE));
		snprintf(c->name, NAME_SIZE, "%s", nftnl_chain_get_str(chain, NFTNL_CHAIN_NAME));
		survey->n += family_word(family) && serves(survey->rules, family);
	}
	if (chain)
		nftnl_chain_free(chain);
	return MNL_CB_OK;
}

/* What a rule is, as far as it matters here. */
struct rule_facts {
	const char *interface;
	bool names_interface, accepts, drops, conditional;
};

static int on_expr(struct nftnl_expr *expr, void *ctx)
{
	const char *name = nftnl_expr_get_str(expr, NFTNL_EXPR_NAME);
	struct rule_facts *facts = ctx;
	uint32_t len = 0, verdict;

	if (!strcmp(name, "cmp")) {
		const char *data = nftnl_expr_get(expr, NFTNL_EXPR_CMP_DATA, &len);

		facts->conditional = true;
		if (data && len > 1 && len <= 16 && strnlen(data, len) &&
			!strncmp(data, facts->interface, len))
			facts->names_interface = true;
	} else if (!strcmp(name, "immediate") &&
		   nftnl_expr_is_set(expr, NFTNL_EXPR_IMM_VERDICT)) {
		verdict = nftnl_expr_get_u32(expr, NFTNL_EXPR_IMM_VERDICT);
		facts->accepts = verdict == NF_ACCEPT;
		facts->drops = verdict == NF_DROP;
	} else if (!strcmp(name, "reject")) {
		facts->drops = true;
	} else if (strcmp(name, "counter") != 0 && strcmp(name, "log") != 0) {
		facts->conditional = true;
	}
	return 0;
}

static void note_rule(struct chain *c, const struct nftnl_rule *rule, const struct rule_facts *facts)
{
	bool own = !strcmp(nftnl_rule_get_str(rule, NFTNL_RULE_CHAIN), c->name);

	if (nftnl_rule_get_u32(rule, NFTNL_RULE_FAMILY) != c->family ||
		strcmp(nftnl_rule_get_str(rule, NFTNL_RULE_TABLE), c->table) != 0)
		return;
	if (facts->accepts && facts->names_interface)
		c->accepts = true;
	if (own && facts->drops && !facts->conditional)
		c->drops = true; /* what comes behind it is never seen */
	if (own && facts->accepts && !facts->conditional && !c->drops)
		c->accepts = true;
}

static int on_rule(const struct nlmsghdr *message, void *ctx)
{
	struct nftnl_rule *rule = nftnl_rule_alloc();
	struct survey *survey = ctx;
	struct rule_facts facts = { .interface = survey->rules->interface };

	if (rule && nftnl_rule_nlmsg_parse(message, rule) >= 0) {
		nftnl_expr_foreach(rule, on_expr, &facts);
		for (unsigned i = 0; i < survey->n; i++)
			note_rule(&survey->chains[i], rule, &facts);
	}
	if (rule)
		nftnl_rule_free(rule);
	return MNL_CB_OK;
}

static void blocked_by(const struct chain *c, const char *interface, struct nft_verdict *verdict)
{
	const char *family = family_word(c->family);

	verdict->state = NFT_FORWARD_BLOCKED;
	snprintf(verdict->remedy, sizeof verdict->remedy,
		"nft 'insert rule %s %.40s %.40s iifname %s accept; "
		"insert rule %s %.40s %.40s oifname %s accept'",
		family, c->table, c->name, interface, family, c->table, c->name, interface);
}

int nft_forwarding(const struct nft_rules *rules, struct nft_verdict *ret_verdict, struct err *err)
{
	scoped(freep) struct survey *survey = calloc(1, sizeof *survey);
	int r;

	*ret_verdict = (struct nft_verdict){ .state = NFT_FORWARD_OK };
	if (!survey)
		return err_nomem(err);
	if (!check_switches(rules, ret_verdict))
		return 0;
	survey->rules = rules;
	nft_table_name(survey->own_table, rules->interface);
	r = nft_list(NFT_MSG_GETCHAIN, NFPROTO_UNSPEC, on_chain, survey, err);
	if (r >= 0 && survey->n)
		r = nft_list(NFT_MSG_GETRULE, NFPROTO_UNSPEC, on_rule, survey, err);
	for (unsigned i = 0; r >= 0 && i < survey->n; i++)
		if (survey->chains[i].drops && !survey->chains[i].accepts) {
			blocked_by(&survey->chains[i], rules->interface, ret_verdict);
			break;
		}
	return r;
}
