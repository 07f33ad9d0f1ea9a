/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>

#include "base/test.h"
#include "node/ipc.h"

/* What a gate that was taken over could send; the keeper believes none of it. */

static _Alignas(16) uint8_t body[IPC_MAX];

static bool ok(unsigned type, size_t len)
{
	struct ipc_message message = { .head = { .version = IPC_VERSION, .type = (uint16_t)type, .id = 1 },
		.body = body, .len = len };
	bool one = ipc_request_ok(&message);

	/* an answer goes to a number */
	message.head.id = 0;
	assert_false(ipc_request_ok(&message));
	return one;
}

static struct ipc_batch *piece(uint32_t total, uint32_t first, uint32_t n)
{
	struct ipc_batch *batch = (void *)body;
	struct ipc_op *ops = (void *)(batch + 1);

	memset(body, 0, sizeof body);
	*batch = (struct ipc_batch){ .total = total, .first = first, .n = n };
	for (uint32_t i = 0; i < n && i < IPC_PIECE_OPS; i++)
		ops[i].type = IPC_END;
	return batch;
}

static size_t piece_len(size_t n)
{
	return sizeof(struct ipc_batch) + n * sizeof(struct ipc_op);
}

TEST(pieces_of_batches_are_within_their_batch)
{
	static const struct {
		uint32_t total, first, n;
		size_t len_of;
		bool ok;
	} cases[] = {
		{ 0, 0, 0, 0, true },
		{ 1, 0, 1, 1, true },
		{ 1000, 768, 232, 232, true },
		{ 1000, 0, IPC_PIECE_OPS, IPC_PIECE_OPS, true },
		{ 1000, 0, IPC_PIECE_OPS + 1, IPC_PIECE_OPS, false },
		{ NODE_BATCH_MAX + 1, 0, 1, 1, false },
		{ 10, 9, 2, 2, false },
		{ 10, 11, 0, 0, false },
		{ 10, UINT32_MAX, 2, 2, false },
		{ 10, 0, 3, 2, false },
		{ 10, 0, 2, 3, false },
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		(void)piece(cases[i].total, cases[i].first, cases[i].n);
		if (ok(IPC_BATCH, piece_len(cases[i].len_of)) != cases[i].ok)
			fail_msg("case %zu", i);
	}
}

TEST(operations_of_a_batch_are_what_a_batch_may_do)
{
	struct ipc_batch *batch = piece(2, 0, 2);
	struct ipc_op *ops = (void *)(batch + 1);

	ops[1].type = IPC_CREATE;
	assert_false(ok(IPC_BATCH, piece_len(2)));
	ops[1].type = IPC_END;
	ops[1].body.end.generation = -1;
	assert_false(ok(IPC_BATCH, piece_len(2)));
	ops[1].type = IPC_PUT;
	memset(&ops[1].body, 0, sizeof ops[1].body);
	assert_true(ok(IPC_BATCH, piece_len(2)));
	memset(ops[1].body.put.label, 'x', sizeof ops[1].body.put.label);
	assert_false(ok(IPC_BATCH, piece_len(2)));
}

TEST(texts_end_and_numbers_are_in_range)
{
	struct ipc_checkpoint *checkpoint = (void *)body;
	struct ipc_drift_act *act = (void *)body;
	struct ipc_drift_ask *ask = (void *)body;

	memset(body, 0, sizeof body);
	assert_true(ok(IPC_CHECKPOINT, sizeof *checkpoint));
	checkpoint->n_proof = NODE_PROOF_MAX + 1;
	assert_false(ok(IPC_CHECKPOINT, sizeof *checkpoint));
	checkpoint->n_proof = 0;
	checkpoint->entry_len = NODE_ENTRY_MAX + 1;
	assert_false(ok(IPC_CHECKPOINT, sizeof *checkpoint));
	checkpoint->entry_len = 0;
	memset(checkpoint->note, 'x', sizeof checkpoint->note);
	assert_false(ok(IPC_CHECKPOINT, sizeof *checkpoint));
	memset(body, 0, sizeof body);
	assert_false(ok(IPC_DRIFT_ACT, sizeof *act)); /* no such action */
	act->action = NODE_ADOPT;
	assert_true(ok(IPC_DRIFT_ACT, sizeof *act));
	assert_false(ok(IPC_DRIFT_ACT, sizeof *act - 1));
	memset(body, 0, sizeof body);
	assert_false(ok(IPC_DRIFT, sizeof *ask));
	ask->limit = NODE_PAGE_MAX;
	assert_true(ok(IPC_DRIFT, sizeof *ask));
}

TEST(only_requests_are_requests)
{
	memset(body, 0, sizeof body);
	assert_false(ok(0, 0));
	assert_false(ok(IPC_HELLO, 0));
	assert_false(ok(IPC_SETUP, sizeof(struct ipc_setup)));
	assert_false(ok(IPC_KEYS, sizeof(struct ipc_keys)));
	assert_false(ok(IPC_ANSWER, 0));
	assert_false(ok(IPC_N_TYPES, 0));
	assert_true(ok(IPC_NODE, 0));
	assert_false(ok(IPC_NODE, 1));
	for (unsigned type = 0; type < IPC_N_TYPES; type++)
		assert_int_equal(ipc_is_open(type),
			type == IPC_STATS || type == IPC_METRICS);
	assert_true(ipc_is_change(IPC_BATCH) && !ipc_is_change(IPC_DRIFT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_of_batches_are_within_their_batch),
		cmocka_unit_test(operations_of_a_batch_are_what_a_batch_may_do),
		cmocka_unit_test(texts_end_and_numbers_are_in_range),
		cmocka_unit_test(only_requests_are_requests),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
