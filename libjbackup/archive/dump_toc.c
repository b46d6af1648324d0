/* SPDX-License-Identifier: MIT */
/* A dump's header and table of contents. Invariant: of an entry only what is asked for later is
 * kept; its definition is digested as it passes by. */
#include "archive/dump_toc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

#define MINOR_MIN      12
#define MINOR_MAX      16
#define MINOR_TABLE_AM 14
#define MINOR_RELKIND  16
#define FORMAT_CUSTOM  1
#define SECTION_DATA   3

/* ---- Header ---- */

static void read_version(struct dump_toc *toc, struct dump_input *in,
                         struct dump_contents *contents)
{
    char magic[5];
    jbi_input_bytes(in, magic, sizeof magic);
    if (in->code == JB_OK && memcmp(magic, "PGDMP", sizeof magic) != 0)
        jbi_input_refuse(in, "it is no PostgreSQL dump in the custom format");
    unsigned major = jbi_input_byte(in);
    toc->minor = jbi_input_byte(in);
    jbi_input_byte(in); /* the revision changes nothing */
    if (in->code < 0)
        return;
    snprintf(contents->format, sizeof contents->format, "%u.%u", major, toc->minor);
    if (major != 1 || toc->minor < MINOR_MIN || toc->minor > MINOR_MAX)
        in->code = jbi_fail(in->err, JB_EUNSUPPORTED,
                            "%s is in version %s of the dump format, which jbackup does not know",
                            in->name, contents->format);
}

void jbi_toc_header(struct dump_toc *toc, struct dump_input *in, struct dump_contents *contents,
                    struct arena *arena)
{
    read_version(toc, in, contents);
    in->int_size = jbi_input_byte(in);
    in->offset_size = jbi_input_byte(in);
    if (in->code == JB_OK &&
        (in->int_size < 4 || in->int_size > 8 || in->offset_size < 4 || in->offset_size > 8)) {
        jbi_input_refuse(in, "its numbers have an impossible size");
        in->int_size = in->offset_size = 4;
    }
    if (jbi_input_byte(in) != FORMAT_CUSTOM)
        jbi_input_refuse(in, "it is no dump in the custom format");
    toc->compression_at = in->position;
    toc->compression = toc->minor >= DUMP_MINOR_ALGORITHM ? jbi_input_byte(in) : jbi_input_int(in);
    for (int i = 0; i < 7; i++)
        jbi_input_int(in); /* when it was made */
    contents->database = jbi_input_text(in, arena);
    contents->server_version = jbi_input_text(in, arena);
    contents->client_version = jbi_input_text(in, arena);
}

/* ---- Entries ---- */

static bool is_comment(const char *desc)
{
    return strcmp(desc, "COMMENT") == 0 || strcmp(desc, "SECURITY LABEL") == 0;
}

/* Whether an entry says something of the schema: not data, not who may do what, and not of the
 * database as a whole, whose name is another one where it is restored. */
static bool is_of_schema(const char *desc, const char *tag, int64_t section)
{
    if (section == SECTION_DATA || jbi_starts_with(desc, "BLOB") ||
        jbi_starts_with(desc, "DATABASE") || strcmp(desc, "STATISTICS DATA") == 0 ||
        strcmp(desc, "ACL") == 0 || strcmp(desc, "DEFAULT ACL") == 0)
        return false;
    return !is_comment(desc) ||
           (!jbi_starts_with(tag, "DATABASE ") && !jbi_starts_with(tag, "LARGE OBJECT "));
}

/* The columns in "COPY schema.table (a, "b)") FROM stdin;"; "" where there are none. */
static const char *columns_of(const char *copy, struct arena *arena)
{
    static const char end[] = ") FROM ";
    bool is_quoted = false;
    const char *from = copy, *last = NULL;
    for (; *from != '\0' && (is_quoted || *from != '('); from++)
        is_quoted ^= *from == '"';
    if (*from == '\0')
        return "";
    for (const char *at = from; (at = strstr(at, end)) != NULL; at++)
        last = at;
    return last ? jbi_arena_textn(arena, from + 1, (size_t)(last - from - 1)) : "";
}

/* "SELECT pg_catalog.setval('public.s', -5, false);": after the name, which may hold anything. */
static bool sequence_parse(const char *definition, struct sequence *sequence)
{
    const char *from = NULL;
    for (const char *at = definition; (at = strstr(at, "', ")) != NULL; at++)
        from = at;
    if (from == NULL)
        return false;
    char *end;
    errno = 0;
    sequence->value = strtoll(from + 3, &end, 10);
    sequence->is_called = jbi_starts_with(end, ", true)");
    return errno == 0 && end != from + 3 &&
           (sequence->is_called || jbi_starts_with(end, ", false)"));
}

static void add_sequence(struct dump_input *in, struct dump_contents *contents, size_t *room,
                         const char *schema, const char *name, const char *definition,
                         struct arena *arena)
{
    struct sequence *sequences = contents->sequences;
    size_t count = contents->sequence_count, size = sizeof *sequences;
    if (count == *room) {
        *room = *room ? 2 * *room : 16;
        sequences = jbi_arena_grow(arena, sequences, count * size, *room * size);
        if (sequences == NULL) {
            in->code = jbi_fail_memory(in->err);
            return;
        }
        contents->sequences = sequences;
    }
    sequences[count].schema = schema ? jbi_arena_text(arena, schema) : NULL;
    sequences[count].name = jbi_arena_text(arena, name);
    if (sequences[count].name == NULL)
        in->code = jbi_fail_memory(in->err);
    else if (!sequence_parse(definition ? definition : "", &sequences[count]))
        jbi_input_refuse(in, "it has a sequence without a value");
    else
        contents->sequence_count++;
}

/* "SET client_encoding = 'UTF8';" */
static const char *encoding_of(const char *definition, struct arena *arena)
{
    const char *from = strchr(definition ? definition : "", '\'');
    return from ? jbi_arena_textn(arena, from + 1, strcspn(from + 1, "'")) : NULL;
}

/* Makes room for one more element of size in a malloc'd array. */
static bool grow(struct dump_input *in, void *array, size_t count, size_t *room, size_t size)
{
    void *grown, *old;
    if (count < *room)
        return true;
    memcpy(&old, array, sizeof old);
    size_t more = *room ? 2 * *room : 64;
    grown = realloc(old, more * size);
    if (grown == NULL) {
        in->code = jbi_fail_memory(in->err);
        return false;
    }
    memcpy(array, &grown, sizeof grown);
    *room = more;
    return true;
}

static void add_entry(struct dump_toc *toc, struct dump_input *in, const struct dump_entry *entry,
                      const char *schema, const char *name, const char *copy, struct arena *arena)
{
    if (in->code < 0 || !grow(in, &toc->entries, toc->count, &toc->room, sizeof *toc->entries))
        return;
    struct dump_entry *kept = &toc->entries[toc->count++];
    *kept = *entry;
    if (entry->data == DUMP_OBJECTS)
        return;
    kept->schema = schema ? jbi_arena_text(arena, schema) : NULL;
    kept->name = jbi_arena_text(arena, name);
    kept->columns = columns_of(copy, arena);
    if ((schema != NULL && kept->schema == NULL) || kept->name == NULL || kept->columns == NULL)
        in->code = jbi_fail_memory(in->err);
}

static void digest_text(struct digest *digest, const char *text)
{
    char prefix[24];
    snprintf(prefix, sizeof prefix, "%zu:", strlen(text));
    jbi_digest_add(digest, prefix, strlen(prefix));
    jbi_digest_add(digest, text, strlen(text));
}

/* The texts of one entry that are looked at; they live as long as it is read. */
struct entry_texts {
    const char *tag, *desc, *definition, *copy, *schema;
};

static struct digest *begin_digest(struct digest *digest, const struct entry_texts *texts,
                                   int64_t section)
{
    if (!is_of_schema(texts->desc, texts->tag, section))
        return NULL;
    jbi_digest_begin(digest);
    digest_text(digest, texts->desc);
    digest_text(digest, texts->tag);
    return digest;
}

static void end_digest(struct dump_toc *toc, struct dump_input *in, struct digest *digest,
                       const struct entry_texts *texts, struct arena *arena)
{
    struct toc_definition definition;
    const char *schema = texts->schema ? texts->schema : "";
    digest_text(digest, schema);
    jbi_digest_end(digest, definition.sha256);
    definition.name = jbi_arena_printf(arena, "%s %s%s%s", texts->desc, schema,
                                       *schema != '\0' ? "." : "", texts->tag);
    if (definition.name == NULL && in->code == JB_OK)
        in->code = jbi_fail_memory(in->err);
    if (in->code == JB_OK && grow(in, &toc->definitions, toc->definition_count,
                                  &toc->definition_room, sizeof *toc->definitions))
        toc->definitions[toc->definition_count++] = definition;
}

/* What follows the schema, up to the offset; *owner only if roles are asked for. */
static void pass_rest(const struct dump_toc *toc, struct dump_input *in, const char **owner,
                      struct arena *passing)
{
    jbi_input_pass_text(in, NULL); /* tablespace */
    if (toc->minor >= MINOR_TABLE_AM)
        jbi_input_pass_text(in, NULL);
    if (toc->minor >= MINOR_RELKIND)
        jbi_input_int(in);
    if (toc->roles != NULL)
        *owner = jbi_input_text(in, passing);
    else
        jbi_input_pass_text(in, NULL);
    jbi_input_pass_text(in, NULL);        /* with OIDs */
    while (jbi_input_pass_text(in, NULL)) /* dependencies */
        continue;
}

static const char *text_or_empty(const char *text)
{
    return text ? text : "";
}

static void read_entry(struct dump_toc *toc, struct dump_input *in, struct dump_contents *contents,
                       size_t *sequence_room, struct digest *digest, struct arena *arena,
                       struct arena *passing)
{
    struct dump_entry entry = {0};
    struct entry_texts texts = {0};
    const char *owner = NULL;
    entry.id = jbi_input_int(in);
    bool has_data = jbi_input_int(in) != 0;
    jbi_input_pass_text(in, NULL);
    jbi_input_pass_text(in, NULL); /* the OIDs of its catalog and of itself */
    texts.tag = text_or_empty(jbi_input_text(in, passing));
    texts.desc = text_or_empty(jbi_input_text(in, passing));
    struct digest *sum = begin_digest(digest, &texts, jbi_input_int(in));
    bool is_sequence = strcmp(texts.desc, "SEQUENCE SET") == 0;
    bool is_encoding = strcmp(texts.desc, "ENCODING") == 0;
    bool is_grants = toc->roles != NULL && jbi_ends_with(texts.desc, "ACL");
    if (is_sequence || is_encoding || is_grants)
        texts.definition = jbi_input_text(in, passing);
    else
        jbi_input_pass_text(in, sum);
    if (is_encoding && sum != NULL)
        digest_text(sum, text_or_empty(texts.definition));
    jbi_input_pass_text(in, NULL); /* how to drop it */
    texts.copy = jbi_input_text(in, passing);
    texts.schema = jbi_input_text(in, passing);
    if (sum != NULL)
        end_digest(toc, in, sum, &texts, arena);
    pass_rest(toc, in, &owner, passing);
    entry.offset_at = in->position;
    entry.offset = jbi_input_offset(in, &entry.state);
    if (in->code == JB_OK && toc->roles != NULL &&
        !(jbi_roles_add(toc->roles, owner, arena) &&
          jbi_roles_of_grants(toc->roles, is_grants ? texts.definition : NULL, arena)))
        in->code = jbi_fail_memory(in->err);
    if (in->code < 0)
        return;
    if (is_sequence)
        add_sequence(in, contents, sequence_room, texts.schema, texts.tag, texts.definition, arena);
    if (is_encoding)
        contents->encoding = encoding_of(texts.definition, arena);
    if (!has_data)
        return;
    entry.data = strcmp(texts.desc, "BLOBS") == 0 ? DUMP_OBJECTS : DUMP_TABLE;
    if (entry.data == DUMP_TABLE && text_or_empty(texts.copy)[0] == '\0')
        jbi_input_refuse(in, "it has data that is neither of a table nor of large objects");
    add_entry(toc, in, &entry, texts.schema, texts.tag, texts.copy, arena);
}

static int by_id(const void *a, const void *b)
{
    const struct dump_entry *first = a, *second = b;
    return (first->id > second->id) - (first->id < second->id);
}

static int by_digest(const void *a, const void *b)
{
    const struct toc_definition *first = a, *second = b;
    return memcmp(first->sha256, second->sha256, SHA256_HEX_SIZE);
}

static int by_name(const void *a, const void *b)
{
    const struct named_text *first = a, *second = b;
    int order = strcmp(first->name, second->name);
    return order != 0 ? order : strcmp(first->text, second->text);
}

/* The digest of all definitions, and their list. */
static void finish_schema(struct dump_toc *toc, struct dump_input *in, struct digest *digest,
                          struct dump_contents *contents, struct arena *arena)
{
    size_t count = toc->definition_count;
    struct named_text *list = jbi_arena_alloc(arena, (count + 1) * sizeof *list);
    bool has_memory = list != NULL;
    if (count > 0)
        qsort(toc->definitions, count, sizeof *toc->definitions, by_digest);
    jbi_digest_begin(digest);
    for (size_t i = 0; i < count && has_memory; i++) {
        const struct toc_definition *from = &toc->definitions[i];
        jbi_digest_add(digest, from->sha256, SHA256_HEX_SIZE - 1);
        jbi_digest_add(digest, "\n", 1);
        list[i].name = from->name;
        list[i].text = jbi_arena_textn(arena, from->sha256, DEFINITION_DIGITS);
        has_memory = list[i].text != NULL;
    }
    jbi_digest_end(digest, contents->schema_sha256);
    if (!has_memory) {
        in->code = in->code < 0 ? in->code : jbi_fail_memory(in->err);
        return;
    }
    if (count > 0)
        qsort(list, count, sizeof *list, by_name);
    contents->definitions = list;
    contents->definition_count = count;
}

/* Sorts the entries, refuses doubles and makes room for their tables. */
static void finish_entries(struct dump_toc *toc, struct dump_input *in,
                           struct dump_contents *contents, struct arena *arena)
{
    size_t tables = 0;
    if (toc->count > 0)
        qsort(toc->entries, toc->count, sizeof *toc->entries, by_id);
    for (size_t i = 0; i < toc->count; i++) {
        tables += toc->entries[i].data == DUMP_TABLE;
        if (i > 0 && toc->entries[i].id == toc->entries[i - 1].id)
            jbi_input_refuse(in, "two entries of its table of contents have one number");
    }
    contents->tables = jbi_arena_alloc(arena, (tables + 1) * sizeof *contents->tables);
    if (contents->tables == NULL && in->code == JB_OK)
        in->code = jbi_fail_memory(in->err);
}

void jbi_toc_entries(struct dump_toc *toc, struct dump_input *in, struct dump_contents *contents,
                     struct arena *arena)
{
    size_t sequence_room = 0;
    scope_digest *digest = jbi_digest_new();
    if (digest == NULL) {
        in->code = in->code < 0 ? in->code : jbi_fail_memory(in->err);
        return;
    }
    int64_t count = jbi_input_int(in);
    if (count < 0)
        jbi_input_refuse(in, "its table of contents has no length");
    for (int64_t i = 0; i < count && in->code == JB_OK; i++) {
        struct arena passing = {0};
        read_entry(toc, in, contents, &sequence_room, digest, arena, &passing);
        jbi_arena_free(&passing);
    }
    finish_entries(toc, in, contents, arena);
    finish_schema(toc, in, digest, contents, arena);
}

struct dump_entry *jbi_toc_find(const struct dump_toc *toc, int64_t id)
{
    const struct dump_entry wanted = {.id = id};
    if (toc->count == 0)
        return NULL;
    return bsearch(&wanted, toc->entries, toc->count, sizeof wanted, by_id);
}

const struct dump_entry *jbi_toc_missing(const struct dump_toc *toc)
{
    for (size_t i = 0; i < toc->count; i++)
        if (!toc->entries[i].is_seen)
            return &toc->entries[i];
    return NULL;
}

void jbi_toc_free(struct dump_toc *toc)
{
    free(toc->entries);
    free(toc->definitions);
}
