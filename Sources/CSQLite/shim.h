#pragma once

#include <sqlite3.h>
#include <string.h>

/* Swift does not import variadic functions. SQLITE_DBCONFIG_DEFENSIVE, turned on: SQL cannot write
   to the schema. SQLITE_DBCONFIG_TRUSTED_SCHEMA, turned off: the schema cannot call functions that
   have side effects. */
static inline int snap_sqlite_defend(sqlite3 *database) {
    int result = sqlite3_db_config(database, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)0);
    if (result == SQLITE_OK)
        result = sqlite3_db_config(database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, (int *)0);
    return result;
}

/* The system's file functions, except that they open paths unchanged. SQLite normally replaces each
   symbolic link in a path by its target. /proc/self/fd/N is such a link, so the directory would be
   looked up by name again. */
static inline int snap_sqlite_keep_path(
    sqlite3_vfs *files, const char *path, int byte_count, char *target) {
    (void)files;
    if (strlen(path) >= (size_t)byte_count) return SQLITE_CANTOPEN;
    strcpy(target, path);
    return SQLITE_OK;
}
static inline int snap_sqlite_open_paths_as_given(void) {
    static sqlite3_vfs files;
    sqlite3_vfs *system = sqlite3_vfs_find(0);
    if (system == 0) return SQLITE_ERROR;
    files = *system;
    files.zName = "snap";
    files.xFullPathname = snap_sqlite_keep_path;
    return sqlite3_vfs_register(&files, 1);
}
