/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/* What nft.c, nft_expr.c and nft_forward.c share. */

#include <libmnl/libmnl.h>
#include <libnftnl/rule.h>

#include "wg/nft.h"

enum { NFT_TABLE_SIZE = 32 };

/** The table's name for an interface. */
const char *nft_table_name(char buf[NFT_TABLE_SIZE], const char *interface);

/** Asks for all objects of a kind (NFT_MSG_GET…) of a family and hands each message to `cb`. */
int nft_list(uint16_t type, uint16_t family, mnl_cb_t cb, void *ctx, struct err *err) must_check;

/* Expressions, appended to a rule. Memory that is short shows when the rule is built: the kernel refuses
 * the incomplete rule and with it the transaction. */

/** meta iifname / oifname == `name` */
void nft_match_interface(struct nftnl_rule *rule, bool outgoing, const char *name);

/** ip saddr / ip6 saddr in `subnet`, of a table of family inet */
void nft_match_source(struct nftnl_rule *rule, const struct cidr *subnet);

void nft_verdict(struct nftnl_rule *rule, uint32_t verdict);
void nft_masquerade(struct nftnl_rule *rule);
