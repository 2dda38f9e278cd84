#!/usr/bin/perl

# Migrations: by many workers of several machines at once and by psql, each
# applied once; what happens without the right to; roles with least rights.

use strict;
use warnings;

use FindBin qw($Bin);
use lib "$Bin/../lib", $Bin;

use File::Copy qw(copy);
use File::Temp;
use Test::More;

use RTProp::Postgres;
use Store;

my $top = RTProp::Nginx::top();
my @files = glob "$top/sql/[0-9][0-9][0-9]_*.sql";

my $pg = RTProp::Postgres->new;
$pg->start;


sub store {
    my (%opt) = @_;
    return Store->start(pg => $pg, options => $opt{options} // 'migrate=on',
        conninfo => $pg->conninfo(%{$opt{conn} || {}}),
        workers => $opt{workers} // 1);
}


sub applied {
    my (%conn) = @_;
    return $pg->sql('SELECT version, name FROM rtprop.migration'
                    . ' ORDER BY version', conn => \%conn);
}

my $all = join "\n", map { m{/0*(\d+)_(.*)\.sql$}; "$1|$2" } @files;


# ------------------------------------------------------------- all at once

$pg->sql('CREATE DATABASE site');

my @stores = map { store(conn => { dbname => 'site' }, workers => 3) } 1 .. 2;
my $psql = fork // die;

if (!$psql) {
    $pg->migrate(dbname => 'site');
    POSIX::_exit(0);
}

# the probe's own queries are not usable here: there is no such schema
like($_->wait_status(qr/^(?!connecting|schema)/), qr/^(?:ok|query probe_)/,
     'an instance stands') for @stores;
waitpid $psql, 0;
is($?, 0, 'make migrate at the same time');

is(applied(dbname => 'site'), $all, 'each migration was applied');
cmp_ok(scalar(() = join('', map { $_->nginx->log } @stores)
                   =~ /rtprop: migration 001_schema/g), '<=', 1, 'once');
is_deeply([map { $_->stop } @stores], [], 'nothing unexpected in the logs');

is($pg->migrate(dbname => 'site'),
   'nothing to do: the schema has version ' . @files . "\n",
   'make migrate again does nothing, and says so');

my $said = `make --no-print-directory -C '$top' migrate CONNINFO= 2>&1`;
isnt($?, 0, 'no CONNINFO: refused');
like($said, qr/CONNINFO is empty.*CONNINFO="host=/s, 'with what is right');


# ------------------------------------------------------------ by psql alone

$pg->sql('CREATE DATABASE other');
like($pg->migrate(dbname => 'other'), qr/^001_schema$/m,
     'make migrate says what it does');
is(applied(dbname => 'other'), $all, 'and does it');

my $diff = sub {
    my ($db) = @_;
    return $pg->sql("SELECT string_agg(o, ' ' ORDER BY o) FROM ("
        . "SELECT relname || relkind::text AS o FROM pg_class"
        . " WHERE relnamespace = 'rtprop'::regnamespace UNION ALL"
        . ' SELECT proname || md5(prosrc) FROM pg_proc'
        . " WHERE pronamespace = 'rtprop'::regnamespace) s",
        conn => { dbname => $db });
};
is($diff->('site'), $diff->('other'), 'both ways make the same');


# --------------------------------------------------------- without the right

$pg->sql('CREATE DATABASE poor');
$pg->sql('CREATE ROLE poor LOGIN');

my $store = store(conn => { dbname => 'poor', user => 'poor' });
is($store->wait_status(qr/^(?!connecting)/), 'migration failed',
   'no right to create the schema: said so');
$pg->sql('GRANT CREATE ON DATABASE poor TO poor');
like($store->wait_status(qr/^(?!connecting|migr|schema)/),
     qr/^(?:ok|query probe_)/, 'granted: it goes on by itself');
is(applied(dbname => 'poor'), $all, 'and has migrated');
$store->stop;

$pg->sql('CREATE DATABASE empty');
$store = store(conn => { dbname => 'empty' }, options => '');
is($store->wait_status(qr/^(?!connecting)/), 'schema missing',
   'without migrate=on nothing is created');
$store->stop;
$pg->sql('DELETE FROM rtprop.migration WHERE version > 0',
         conn => { dbname => 'poor' });
$store = store(conn => { dbname => 'poor' }, options => '');
is($store->wait_status(qr/^(?!connecting)/), 'schema too old',
   'an older schema is said to be one');
$store->stop;


# ---------------------------------------------------------------------- roles

$pg->sql('CREATE ROLE site_owner LOGIN; CREATE ROLE site_app LOGIN;'
         . ' CREATE ROLE site_web LOGIN;'
         . ' GRANT CREATE ON DATABASE postgres TO site_owner');
$pg->migrate(user => 'site_owner');

for (1 .. 2) {
    my $said = $pg->run('psql', '-Xqw', '-v', 'app=site_app', '-v',
                        'emitter=site_web', '-d',
                        $pg->conninfo(user => 'site_owner'), '-f',
                        "$top/sql/roles.sql");
    is($said, '', 'roles.sql, run ' . ($_ == 1 ? 'once' : 'again'));
}

$pg->sql(Store::SCHEMA());
$pg->sql('GRANT USAGE ON SCHEMA probe TO site_app;'
         . ' GRANT ALL ON ALL TABLES IN SCHEMA probe TO site_app');

$store = store(conn => { user => 'site_app' }, options => '');
is($store->wait_status(qr/^(?!connecting)/), 'ok', 'the application works');
like($store->call('/put?id=1&value=v'), qr/^rc=0 /, 'and writes');
is_deeply([$store->stop], [], 'nothing unexpected in the log');


sub denied {
    my ($role, $sql) = @_;
    like($pg->sql($sql, conn => { user => $role }, may => 1),
         qr/permission denied|must be owner/, "$role: $sql");
}

denied(site_app => "DELETE FROM rtprop.migration");
denied(site_app => "INSERT INTO rtprop.migration VALUES (77, 'x')");
denied(site_app => 'DROP TABLE rtprop.migration');
denied(site_app => 'CREATE TABLE rtprop.x (y int)');
denied(site_web => 'SELECT * FROM rtprop.migration');
denied(site_web => 'CREATE TABLE rtprop.x (y int)');

$pg->sql('CREATE TABLE rtprop.later (x int);'
         . ' CREATE FUNCTION rtprop.later() RETURNS int LANGUAGE sql AS'
         . " 'SELECT 1'", conn => { user => 'site_owner' });
is($pg->sql('SELECT rtprop.later() + count(*) FROM rtprop.later',
            conn => { user => 'site_app' }), 1,
   'what a later migration makes is the application\'s, too');
denied(site_web => 'SELECT rtprop.later()');
denied(site_web => 'SELECT * FROM rtprop.later');


# ------------------------------------------------------------- their numbers

my $dir = File::Temp->newdir;
copy($files[0], $dir);
open my $fh, '>', "$dir/003_x.sql" or die $!;
print {$fh} "-- breaking\nSELECT 1;\n";
close $fh;
like(`$top/tools/sql.sh $dir 2>&1`, qr/the next migration is number 002/,
     'a hole in the numbers is refused');
rename "$dir/003_x.sql", "$dir/002_x.sql";
like(`$top/tools/sql.sh $dir 2>&1`, qr/\{ 2, "x", 1,$/m,
     'a breaking one is known by its first line');

done_testing;
