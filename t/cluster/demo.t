#!/usr/bin/perl

# "make run-cluster": two addresses of one demo, with a Redis and a PostgreSQL
# of their own; "make stop" ends all of it, and what was said is there again.

use strict;
use warnings;

use File::Temp;

use lib 't/lib';
use RTProp::HTTP;
use RTProp::Nginx;
use RTProp::WS;
use Test::More;

my $top = RTProp::Nginx::top();
my $dir = File::Temp->newdir('demo-XXXXXX', TMPDIR => 1);
my $prefix = "$dir/cluster";
my $database;

chmod 0755, "$dir";
$ENV{RTPROP_MODULE} = RTProp::Nginx::module();
$ENV{RTPROP_NGINX} = RTProp::Nginx::binary();

sub cluster {
    my ($action, @more) = @_;
    my $script = "$top/tools/cluster.sh";
    my $said = `"$script" $action "$prefix" @more 2>&1 </dev/null`;

    ($database) = $said =~ /its database is in (\S+)/ if $action eq 'stop';
    return ($?, $said);
}

END {
    my $status = $?;
    cluster('stop') if $prefix;
    system 'rm', '-rf', $database if ($database // '') =~ m{^/tmp/rtprop-};
    $? = $status;
}


# The ports at which it runs.

sub start {
    my ($status, $said) = cluster('start', RTProp::Nginx::free_port());
    my @ports = $said =~ m{^instance [ab]:  http://127\.0\.0\.1:(\d+)/$}mg;

    is($status, 0, 'it starts') or diag($said);
    is(scalar @ports, 2, 'and says two addresses') or diag($said);

    for my $port (@ports) {
        my $http = RTProp::HTTP->new(port => $port);

        is($http->get('/')->{status}, 200, 'the page is there');
        ok(RTProp::Nginx::wait_until({}, sub {
            $http->get('/health')->{json}{status} eq 'ok'
        }, 30), 'with Redis and PostgreSQL');
    }

    return @ports;
}

sub visitor {
    my ($port, $name) = @_;
    my $ws = RTProp::WS->connect(port => $port, path => '/ws',
                                 query => { u => $name, n => $name });

    ok($ws->wait_for('welcome'), "$name is welcome");
    return $ws;
}

my ($a, $b) = start();
isnt($a, $b, 'different ones');

my $http = RTProp::HTTP->new(port => $a);
is($http->put('/api/conversations/c1', { participants => [qw(ann ben)] })
   ->{status}, 201, 'a conversation is made at one of them');

my ($ann, $ben) = (visitor($a, 'ann'), visitor($b, 'ben'));

for my $ws ($ann, $ben) {
    $ws->send_json('chat:join', { conversation_id => 'c1' });
    ok($ws->wait_for('chat:joined'), 'is joined at both');
}

$ann->send_json('chat:send_message', { conversation_id => 'c1',
                                       content => 'hello' });
is($ben->wait_for('chat:new_message')->{payload}{content}, 'hello',
   'and what is said there is heard here');

$_->send_json('property:view', 'p1') for $ann, $ben;
ok($_->wait_for('property:viewer_count', sub { $_[0]{payload}{count} == 2 }),
   'both are seen by both') for $ann, $ben;

my ($status, $said) = cluster('start', $a);
is($status, 0, 'starting it again');
is(join(' ', $said =~ /:(\d+)\/$/mg), "$a $b", 'is no harm') or diag($said);

($status, $said) = cluster('stop');
is($status, 0, 'it stops');
is(RTProp::HTTP->new(port => $_)->get('/')->{status} // 0, 0, 'both do')
    for $a, $b;
is(scalar(grep { -e $_ } "$database/redis.sock",
                         glob "$database/.s.PGSQL.*[0-9]"), 0,
   'and what they used');

($a, $b) = start();
$ben = visitor($b, 'ben');
$ben->send_json('chat:history', { conversation_id => 'c1' });
is($ben->wait_for('chat:history')->{payload}{messages}[0]{content}, 'hello',
   'what was said is there again');


# ---- anybody on the machine may look for its database

is((stat $database)[2] & 07, 0, 'others may not enter the folder');

($status, $said) = cluster('stop');
like($said, qr/^to be rid of it:  rm -r \Q$database $prefix\E$/m,
     'it says what is left');

my $aside = "$dir/aside";
mkdir $aside;
system 'rm', '-rf', $database;
symlink $aside, $database or die "$database: $!";

($status, $said) = cluster('start', $a);
isnt($status, 0, "somebody else's folder is not used");
is($said, "$database is somebody else's: remove it\n", 'which is said');
is(scalar(() = glob "$aside/*"), 0, 'before anything is in it');

done_testing;
