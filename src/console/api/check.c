/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "console/api/handlers.h"
#include "console/api/target.h"
#include "http/cert.h"
#include "http/client.h"

/* Check node: step by step, so that it is seen where it ends. The API key is sent only after a
 * fingerprint that somebody has compared, or that came with the enrol string. */

enum step_name { STEP_CONNECT = 1, STEP_CERTIFICATE, STEP_API_KEY, STEP_INTERFACE, STEP_CLOCK, N_STEPS };
enum step_state { STEP_OK = 1, STEP_FAILED, STEP_WAITING, STEP_SKIPPED };

static const struct word step_names[] = {
	{ STEP_CONNECT, "connect" },
	{ STEP_CERTIFICATE, "certificate" },
	{ STEP_API_KEY, "apiKey" },
	{ STEP_INTERFACE, "interface" },
	{ STEP_CLOCK, "clock" },
	{ 0 },
};
static const struct word step_states[] = {
	{ STEP_OK, "ok" },
	{ STEP_FAILED, "failed" },
	{ STEP_WAITING, "waiting" },
	{ STEP_SKIPPED, "skipped" },
	{ 0 },
};

struct check_step {
	int name, state;
	const char *detail, *code;
};

#define STEP(member, ...) FIELD(struct check_step, member, __VA_ARGS__)
static const struct field step_fields[] = {
	STEP(name, .words = step_names, .doc = "Which step."),
	STEP(state, .words = step_states, .doc = "How it went."),
	STEP(detail, .doc = "A sentence about it."),
	STEP(code, .flags = F_NULLABLE, .doc = "Why it failed."),
	{ 0 },
};
static const struct type step_type = TYPE(struct check_step, "CheckStep", step_fields);

struct check_node {
	const char *name, *version, *interface, *endpoint;
	int kind;
	struct wgkey public_key;
	int64_t listen_port, peers, unmanaged;
	struct list subnets; /* of struct cidr */
	int forwarding;
	const char *forwarding_remedy;
};

#define NODE(member, ...) FIELD(struct check_node, member, __VA_ARGS__)
static const struct field node_fields[] = {
	NODE(name, .doc = "The host's name."),
	NODE(version, .doc = "Version of its software."),
	NODE(kind, .words = node_kind_words, .doc = "Ours, or the published version."),
	NODE(interface, .doc = "Its WireGuard interface."),
	NODE(public_key, .flags = F_NULLABLE, .doc = "The interface's public key."),
	NODE(listen_port, .doc = "UDP port."),
	NODE(subnets, .of = FIELD_CIDR, .doc = "Subnets peers get addresses from."),
	NODE(endpoint, .flags = F_NULLABLE, .doc = "What clients use, as the node says."),
	NODE(peers, .doc = "Peers it has."),
	NODE(unmanaged, .doc = "Peers on its device that it did not make."),
	NODE(forwarding, .flags = F_NULLABLE, .words = node_forwarding_words, .doc = "Whether it forwards."),
	NODE(forwarding_remedy, .flags = F_NULLABLE, .doc = "The command that mends it."),
	{ 0 },
};
static const struct type node_type = TYPE(struct check_node, "CheckNode", node_fields);

static const struct field existing_fields[] = {
	FIELD(struct audit_ref, id, .doc = "The node."),
	FIELD(struct audit_ref, name, .doc = "What it is called here."),
	{ 0 },
};
static const struct type existing_type = TYPE(struct audit_ref, "CheckExisting", existing_fields);

struct check_answer {
	bool ok;
	const char *address, *fingerprint, *fingerprint_hex;
	int transport;
	struct list steps;
	struct check_node node;
	struct audit_ref existing;
};

#define ANSWER(member, ...) FIELD(struct check_answer, member, __VA_ARGS__)
static const struct field answer_fields[] = {
	ANSWER(ok, .doc = "Whether it can be saved."),
	ANSWER(address, .doc = "As it will be saved."),
	ANSWER(transport, .words = node_transport_words, .doc = "TLS or plain HTTP."),
	ANSWER(fingerprint, .flags = F_NULLABLE, .doc = "Pin of the key it shows."),
	ANSWER(fingerprint_hex, .flags = F_NULLABLE, .doc = "The same to be compared."),
	ANSWER(steps, .of = FIELD_OBJECT, .type = &step_type, .doc = "Step by step."),
	FIELD_SUB(struct check_answer, node, &node_type, .flags = F_NULLABLE, .doc = "What it says."),
	FIELD_SUB(struct check_answer, existing, &existing_type, .flags = F_NULLABLE, .doc = "This node, where it is here already."),
	{ 0 },
};
const struct type check_answer_type = TYPE(struct check_answer, "NodeCheckAnswer", answer_fields);

static void set(struct check_step *steps, enum step_name name, enum step_state state,
	const char *detail, const char *code)
{
	steps[name - 1] = (struct check_step){ (int)name, (int)state, detail, code };
}

static void fail(struct check_step *steps, enum step_name name, const struct err *err,
	struct arena *arena)
{
	set(steps, name, STEP_FAILED, arena_strdup(arena, err->msg), err_slug(err->reason));
}

/* The first two steps; the key is sent in neither. True: go on. */
static bool look(struct http_request *req, struct node_target *target, struct check_answer *out,
	struct check_step *steps)
{
	char pin_text[PIN_TEXT_SIZE], hex[PIN_HEX_SIZE];
	struct digest pin;
	struct err err;

	if (target->transport == TRANSPORT_PLAIN) {
		set(steps, STEP_CONNECT, STEP_OK, "Plain HTTP: not encrypted", NULL);
		set(steps, STEP_CERTIFICATE, STEP_SKIPPED, "There is none over plain HTTP", NULL);
		return true;
	}
	if (http_probe_pin(target->address, NODECALL_REQUEST_MS, &pin, &err) < 0) {
		fail(steps, STEP_CONNECT, &err, req->arena);
		return false;
	}
	set(steps, STEP_CONNECT, STEP_OK, "It answers over TLS", NULL);
	out->fingerprint = arena_strdup(req->arena, pin_format(pin_text, &pin));
	out->fingerprint_hex = arena_strdup(req->arena, pin_format_hex(hex, &pin));
	if (!target->fingerprint) {
		set(steps, STEP_CERTIFICATE, STEP_WAITING,
			"Compare this with `wgkeeper-node fingerprint` on the server", NULL);
		return false;
	}
	if (!out->fingerprint || strcmp(target->fingerprint, out->fingerprint) != 0) {
		set(steps, STEP_CERTIFICATE, STEP_FAILED,
			"The server shows another key than the one expected; nothing was sent",
			err_slug(REASON_NODE_PIN));
		return false;
	}
	set(steps, STEP_CERTIFICATE, STEP_OK, "The fingerprint is the expected one", NULL);
	return true;
}

static int put_existing(const struct node_target *target, const struct node_info *info,
	struct check_answer *out, struct arena *arena, struct err *err)
{
	const struct node_new fresh = { .address = target->address, .public_key = info->public_key,
		.node_uid = info->id };
	int r = store_node_same(console_db(), &fresh, &out->existing, arena, err);

	return r == -ERR_NOT_FOUND ? 0 : r;
}

static int put_info(const struct node_info *info, int kind, struct check_answer *out,
	struct arena *arena, struct err *err)
{
	const struct node_pool *pools = info->pools.at;
	struct cidr *subnets = arena_alloc(arena, (info->pools.n + 1) * sizeof *subnets);

	if (!subnets)
		return arena_full(arena, err);
	for (size_t i = 0; i < info->pools.n; i++)
		subnets[i] = pools[i].subnet;
	out->node = (struct check_node){ .name = info->name, .version = info->version,
		.interface = info->interface, .endpoint = info->endpoint, .kind = kind,
		.public_key = info->public_key, .listen_port = info->listen_port,
		.peers = info->peers, .unmanaged = info->drift.unmanaged,
		.subnets = { subnets, info->pools.n }, .forwarding = info->forwarding,
		.forwarding_remedy = info->forwarding_remedy };
	return 0;
}

static void judge(const struct node_info *info, struct check_step *steps, struct arena *arena)
{
	int64_t off = info->clock.us ? (info->clock.us - time_now().us) / USEC_PER_MS : 0;

	set(steps, STEP_API_KEY, STEP_OK, "The node accepts it", NULL);
	if (info->device == NODE_DEVICE_READY)
		set(steps, STEP_INTERFACE, STEP_OK,
			arena_printf(arena, "%s is up", info->interface), NULL);
	else
		set(steps, STEP_INTERFACE, STEP_FAILED, "The WireGuard interface is not there",
			err_slug(REASON_DEVICE_AWAY));
	if (off > 5000 || off < -5000)
		set(steps, STEP_CLOCK, STEP_FAILED,
			arena_printf(arena, "Its clock is %lld ms off", (long long)off), "clock_off");
	else
		set(steps, STEP_CLOCK, STEP_OK, "Its clock agrees with ours", NULL);
}

static int ask(struct http_request *req, const struct node_target *target, struct check_answer *out,
	struct check_step *steps, struct err *err)
{
	struct node_info info;
	struct err why;
	int kind, r;

	if (!target->api_key.len) {
		set(steps, STEP_API_KEY, STEP_WAITING, "Give the node's API key", NULL);
		return 0;
	}
	if (nodecall_info(target, NODECALL_REQUEST_MS, &kind, &info, req->arena, &why) < 0) {
		fail(steps, why.reason == REASON_NODE_UNREACHABLE ? STEP_CONNECT : STEP_API_KEY, &why,
			req->arena);
		return 0;
	}
	judge(&info, steps, req->arena);
	r = put_info(&info, kind, out, req->arena, err);
	if (r >= 0)
		r = put_existing(target, &info, out, req->arena, err);
	out->ok = r >= 0 && uuid_is_zero(&out->existing.id);
	return r;
}

int api_nodes_check(struct http_request *req, struct err *err)
{
	struct check_step *steps = arena_alloc(req->arena, (N_STEPS - 1) * sizeof *steps);
	struct check_answer *out = req->out;
	struct node_target target;
	int r = target_make(req->in, &target, req->arena, err);

	if (r < 0)
		return r;
	if (!steps)
		return arena_full(req->arena, err);
	for (int i = STEP_CONNECT; i < N_STEPS; i++)
		set(steps, (enum step_name)i, STEP_SKIPPED, "Not reached yet", NULL);
	out->address = target.address;
	out->transport = target.transport;
	out->steps = (struct list){ steps, N_STEPS - 1 };
	return look(req, &target, out, steps) ? ask(req, &target, out, steps, err) : 0;
}
