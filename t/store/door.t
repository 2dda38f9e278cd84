#!/usr/bin/perl

# What a database refuses at its door, and queries that do not fit: each is
# said as what it is, none stops nginx, all mend without a reload.  The password
# is in no log and in no list of processes.

use strict;
use warnings;

use FindBin qw($Bin);
use lib "$Bin/../lib", $Bin;

use Test::More;

use RTProp::Postgres;
use Store;

my $pg = RTProp::Postgres->new(hba => <<'END');
host all with_password 127.0.0.1/32 scram-sha-256
local all unwelcome reject
END
$pg->start;
$pg->migrate;
$pg->sql(Store::SCHEMA());

my @log;


sub store {
    my (%opt) = @_;
    return Store->start(pg => $pg,
        options => "timeout=2s grace=100ms $opt{options}",
        conninfo => $pg->conninfo(%{$opt{conn}}), http => $opt{http} // '',
        files => $opt{files} || {});
}


sub refused {
    my ($status, %opt) = @_;
    my $store = store(options => '', %opt);

    is($store->wait_status(qr/^(?!connecting)/), $status, "$status: said so");
    like($store->call('/health'), qr/"status":"degraded".*"\Q$status\E"/,
         "$status: so does health");
    ok($store->nginx->wait_until(sub {
        $store->call('/put?id=1&value=v') =~ /^rc=-1 /
    }), "$status: works are refused");
    like($store->nginx->log, qr/\[error\].*the writing connection: \Q$status\E/,
         "$status: the log has it");

    if ($opt{mend}) {
        $opt{mend}->();
        is($store->wait_status(qr/^ok$/), 'ok', "$status: mended");
        like($store->call('/put?id=1&value=v'), qr/^rc=0 /,
             "$status: it works");
    }

    $store->stop;
    push @log, $store->nginx->log;
    unlike($store->nginx->log, qr/\[(?:alert|crit)\]/, "$status: no alert");

    return $store;
}


# ------------------------------------------------------- passwords and roles

$pg->sql("SET password_encryption = 'scram-sha-256';"
         . " CREATE ROLE with_password LOGIN SUPERUSER PASSWORD 'swordfish'");

my %tcp = (host => '127.0.0.1', user => 'with_password');

refused('password refused', conn => \%tcp,
        options => 'password_file=password',
        files => { password => "wrong-swordfish\n" },
        mend => sub {
            $pg->sql("ALTER ROLE with_password PASSWORD 'wrong-swordfish'")
        });
refused('password missing', conn => \%tcp);
refused('not allowed by pg_hba.conf', conn => { user => 'unwelcome' },
        mend => sub {
            $pg->sql('CREATE ROLE unwelcome LOGIN SUPERUSER');
            $pg->{hba} = '';
            $pg->write_conf;
            $pg->sql('SELECT pg_reload_conf()');
        });
refused('role missing', conn => { user => 'nobody_here' },
        mend => sub { $pg->sql('CREATE ROLE nobody_here LOGIN SUPERUSER') });
refused('database missing', conn => { dbname => 'none' });
refused('cannot connect', conn => { host => '/nowhere' });

my $store = store(conn => \%tcp, options => 'password_file=password',
                  files => { password => "wrong-swordfish\n" });
is($store->wait_status(qr/^ok$/), 'ok', 'a password from a file');

my @cmdline = map { my $pid = $_;
                    map { RTProp::Nginx::slurp("/proc/$pid/$_") }
                    qw(cmdline environ) }
              $store->nginx->workers, $store->nginx->master_pid;
is(scalar(grep { /swordfish/ } @cmdline), 0, 'no password for ps to show');
$store->stop;
is(scalar(grep { /swordfish/ } @log, $store->nginx->log), 0,
   'no password in a log');

$store = store(options => '', conn => { password => "'wrong-swordfish'",
                                        %tcp });
is($store->wait_status(qr/^ok$/), 'ok', 'a password in the string');
$store->stop;

# -------------------------------------------------------- too many connections

$pg->sql('CREATE ROLE narrow LOGIN CONNECTION LIMIT 1;'
         . ' GRANT USAGE ON SCHEMA rtprop, probe TO narrow;'
         . ' GRANT ALL ON ALL TABLES IN SCHEMA rtprop, probe TO narrow');
$store = store(options => '', conn => { user => 'narrow' });
is($store->wait_status(qr/^(?!connecting)/), 'too many connections',
   'the second connection is one too many: said so');
ok($store->nginx->wait_until(sub { $store->call('/get?id=1') =~ /^rc=-1 / }),
   'works are refused');
$pg->sql('ALTER ROLE narrow CONNECTION LIMIT 5');
is($store->wait_status(qr/^ok$/), 'ok', 'mended');
$store->stop;


$pg->sql('CREATE ROLE stranger LOGIN');
refused('no right on schema rtprop', conn => { user => 'stranger' },
        mend => sub {
            $pg->sql('GRANT USAGE ON SCHEMA rtprop, probe TO stranger;'
                     . ' GRANT ALL ON ALL TABLES IN SCHEMA rtprop, probe'
                     . ' TO stranger');
        });


# --------------------------------------------------------------------- queries

sub query {
    my ($name, $sql, $pattern, $said) = @_;
    my $store = store(options => '', conn => {},
                      http => "rtprop_query $name \"$sql\";");

    like($store->wait_status(qr/^query/), $pattern, "$said: status");
    like($store->nginx->log, qr/\[error\].*query "$name" is unusable/,
         "$said: logged");
    is(scalar(() = $store->nginx->log =~ /query "$name" is unusable/g), 1,
       "$said: once");
    like($store->call('/get?id=1'), $name eq 'probe_get' ? qr/^rc=-1 /
                                                        : qr/^rc=0 /,
         "$said: a read");
    like($store->call('/put?id=1&value=v'), $name eq 'probe_put' ? qr/^rc=-1 /
                                                                : qr/^rc=0 /,
         "$said: a write");
    is($store->metric('rtprop_store_queries_unusable'), 2, "$said: counted");

    return $store;
}

query('probe_get', 'SELECT value, 1 FROM probe.item WHERE id = $1',
      qr/^query probe_get: it gives 2 columns, it must give 1: value text$/,
      'columns too many')->stop;
query('probe_get', 'SELECT value AS v FROM probe.item WHERE id = $1',
      qr/its column 1 is "v" of type 25, it must be "value text"$/,
      'a column of another name')->stop;
query('probe_get', 'SELECT id AS value FROM probe.item WHERE id = $1',
      qr/its column 1 is "value" of type 20, it must be "value text"$/,
      'a column of another type')->stop;
query('probe_get', 'SELECT value FROM probe.item WHERE id = $1 AND $2',
      qr/it takes 2 parameters, it is given 1: id bigint$/,
      'a parameter too many')->stop;
query('probe_get', 'SELECT value FRM probe.item', qr/syntax error/,
      'no SQL')->stop;
query('probe_put', 'SELECT probe.put2($1, $2, $3) AS put',
      qr/probe\.put2/, 'no such function')->stop;

$store = query('probe_get', 'SELECT value FROM probe.site_item WHERE id = $1',
               qr/site_item/, 'no such table');
$pg->sql('CREATE VIEW probe.site_item AS SELECT * FROM probe.item');
is($store->wait_status(qr/^ok$/), 'ok', 'it is tried again when it is mended');
like($store->call('/get?id=1'), qr/^rc=0 rows=\d+/, 'and works');

# what a plan was made for is altered under it
$pg->sql('DROP VIEW probe.site_item;'
         . ' CREATE VIEW probe.site_item AS SELECT id, retried,'
         . " value || '!' AS value FROM probe.item");
like($store->call('/get?id=1'), qr/^rc=0 rows=\d+ .*value=v!/,
     'another view of that name');
$pg->sql('DROP VIEW probe.site_item');
like($store->call('/get?id=1'), qr/^rc=-5 .*state=42P01/, 'no such view');
$store->stop;

done_testing;
