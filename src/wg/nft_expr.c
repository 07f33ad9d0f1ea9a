/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <libnftnl/expr.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "wg/nft_internal.h"

static struct nftnl_expr *add(struct nftnl_rule *rule, const char *name)
{
	struct nftnl_expr *expr = nftnl_expr_alloc(name);

	/* libnftnl has no way to say it either: it aborts on its own allocations */
	if (!expr)
		abort();
	nftnl_rule_add_expr(rule, expr);
	return expr;
}

static void load_meta(struct nftnl_rule *rule, uint32_t key)
{
	struct nftnl_expr *expr = add(rule, "meta");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_META_KEY, key);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_META_DREG, NFT_REG_1);
}

static void compare(struct nftnl_rule *rule, const void *data, uint32_t len)
{
	struct nftnl_expr *expr = add(rule, "cmp");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_CMP_OP, NFT_CMP_EQ);
	nftnl_expr_set(expr, NFTNL_EXPR_CMP_DATA, data, len);
}

void nft_match_interface(struct nftnl_rule *rule, bool outgoing, const char *name)
{
	char padded[IFNAMSIZ] = "";

	memcpy(padded, name, strnlen(name, IFNAMSIZ - 1));
	load_meta(rule, outgoing ? NFT_META_OIFNAME : NFT_META_IIFNAME);
	compare(rule, padded, sizeof padded);
}

static void put_mask(uint8_t *mask, unsigned bits)
{
	for (unsigned i = 0; i < bits; i++)
		mask[i / 8] |= (uint8_t)(0x80 >> (i % 8));
}

void nft_match_source(struct nftnl_rule *rule, const struct cidr *subnet)
{
	uint8_t protocol = subnet->family == IP_V6 ? NFPROTO_IPV6 : NFPROTO_IPV4;
	uint32_t len = subnet->family == IP_V6 ? 16 : 4;
	uint8_t mask[16] = { 0 }, zero[16] = { 0 };
	struct cidr network = cidr_network(subnet);
	struct nftnl_expr *expr;

	load_meta(rule, NFT_META_NFPROTO);
	compare(rule, &protocol, sizeof protocol);

	expr = add(rule, "payload"); /* the source address: RFC 791 section 3.1, RFC 8200 section 3 */
	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_OFFSET, subnet->family == IP_V6 ? 8 : 12);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_LEN, len);

	put_mask(mask, subnet->bits);
	expr = add(rule, "bitwise");
	nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_LEN, len);
	nftnl_expr_set(expr, NFTNL_EXPR_BITWISE_MASK, mask, len);
	nftnl_expr_set(expr, NFTNL_EXPR_BITWISE_XOR, zero, len);
	compare(rule, network.addr, len);
}

void nft_verdict(struct nftnl_rule *rule, uint32_t verdict)
{
	struct nftnl_expr *expr = add(rule, "immediate");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_VERDICT, verdict);
}

void nft_masquerade(struct nftnl_rule *rule)
{
	(void)add(rule, "masq");
}
