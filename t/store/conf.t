#!/usr/bin/perl

# What rtprop_postgres and rtprop_query accept and refuse, without a database:
# "nginx -t" asks none.  Messages never hold the password.

use strict;
use warnings;

use FindBin qw($Bin);
use lib "$Bin/../lib", $Bin;

use File::Temp;
use RTProp::Test;
use Store;

my %files = ('password' => "swordfish\n", 'empty' => "\n",
             'long' => 'x' x 2000);


sub accepted {
    my ($line, $name) = @_;
    my ($ok, $said) = nginx_t(http => "$line;\n", files => \%files);
    ok($ok, "accepted: $name") or diag($said);
}


sub refused {
    my ($line, $pattern, $name) = @_;
    my ($ok, $said) = nginx_t(http => "$line;\n", files => \%files);

    ok(!$ok, "refused: $name");
    like($said, $pattern, "$name: the message");
    unlike($said, qr/swordfish/, "$name: no password in it");
}


accepted('rtprop_postgres "host=/run/postgresql dbname=a"', 'a socket');
accepted('rtprop_postgres dbname=a', 'the default socket');
accepted('rtprop_postgres postgresql://u:swordfish@127.0.0.1:5433/db', 'a URI');
accepted('rtprop_postgres "host=127.0.0.1,::1 port=5432,5433"', 'two hosts');
accepted('rtprop_postgres "host=localhost"', 'a name');
accepted('rtprop_postgres "host=db.invalid hostaddr=127.0.0.1"',
         'a name with its address');
accepted('rtprop_postgres dbname=a migrate=on queue=5 batch=1 timeout=500ms'
         . ' connect_timeout=1s grace=100ms password_file=password',
         'all options');

for my $option (qw(timeout= connect_timeout= grace= queue= batch=
                   password_file= timeout=5ms timeout=11m timeout=x grace=0
                   connect_timeout=0 queue=0 queue=x queue=1000001 batch=0
                   batch=-1))
{
    refused("rtprop_postgres dbname=a $option",
            qr/invalid value "\Q$option\E" in "rtprop_postgres", it must be/,
            $option);
}

refused('rtprop_postgres host=a password=swordfish', qr/unknown option.*quotes/,
        'a string without quotes');
refused('rtprop_postgres "host=a password=swordfish fish"',
        qr/invalid connection string in "rtprop_postgres"/, 'half a string');
refused('rtprop_postgres "dbname=a sslmode=maybe"',
        qr/"rtprop_postgres": .*sslmode.* in \S+nginx\.conf:\d+$/m,
        'a mode of TLS that there is not, in one line');
refused('rtprop_postgres "host=no.such.host.invalid password=swordfish"',
        qr/host not found.*"no.such.host.invalid" in "rtprop_postgres"/,
        'a host that there is not');
refused('rtprop_postgres "service=none"', qr/"rtprop_postgres": .*none/,
        'a service that there is not');
refused('rtprop_postgres dbname=a password_file=none', qr/none" failed/,
        'a password file that is not there');
refused('rtprop_postgres dbname=a password_file=empty',
        qr/no password in .*"rtprop_postgres"/, 'an empty password file');
refused('rtprop_postgres dbname=a password_file=long',
        qr/no password in .*less than/, 'a very long password');
refused('rtprop_query no_such_query "SELECT 1"',
        qr/unknown query "no_such_query" in "rtprop_query"/,
        'a query that there is not');
refused('rtprop_query rtprop_lock "SELECT 1"', qr/unknown query/,
        'the query of locks');

# with a resolver a name may come later, but for the one of this machine

my $resolver = 'resolver 127.0.0.1; ';
accepted($resolver . 'rtprop_postgres "host=no.such.host.invalid"',
         'a name that the resolver is asked for');
accepted('rtprop_postgres "host=no.such.host.invalid"; resolver 127.0.0.1',
         'wherever that stands');
accepted($resolver . 'rtprop_postgres "host=localhost,127.0.0.1,::1"',
         'those that need none');

# what a service and a password file say

my $home = File::Temp->newdir;

sub put {
    my ($name, $text) = @_;
    open my $fh, '>', "$home/$name" or die $!;
    print {$fh} $text;
    close $fh;
    chmod 0600, "$home/$name";
}

put('service', "[site]\nhost=/nowhere\nport=5444\n");

{
    local $ENV{PGSERVICEFILE} = "$home/service";
    accepted('rtprop_postgres service=site', 'a service');
}

my $probe = 'load_module ' . Store::module() . ';';

my ($ok, $said) = nginx_t(main => $probe,
    http => 'rtprop_query probe_get "SELECT 1"; '
            . 'rtprop_query probe_get "SELECT 2";');
ok(!$ok, 'a query replaced twice');
like($said, qr/"rtprop_query probe_get" is duplicate/, 'said so');

($ok, $said) = nginx_t(main => $probe, http => 'rtprop_query probe_get "";');
ok(!$ok, 'a query without text');
like($said, qr/in "rtprop_query", it must be one SQL statement/, 'said so');

done_testing;
