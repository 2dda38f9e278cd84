#!/usr/bin/perl

# The ACL user that docs/operations.md has may do all that is needed, on a
# single Redis and on a cluster, and nothing that it need not.

use strict;
use warnings;

use lib 't/lib', 't/auction';
use Auction;
use RTProp::Chat;
use RTProp::Redis;
use RTProp::Test;

my ($user) = RTProp::Nginx::slurp(RTProp::Nginx::top()
                                  . '/docs/operations.md')
             =~ /^    (user rtprop on .*)$/m;
ok($user, 'there is a user') or BAIL_OUT('none');
$user =~ s/>PASSWORD/>secret/;


sub works {
    my ($name, $redis, $url) = @_;
    my $nginx = rtprop_nginx(workers => 2, prefix => <<"END",
rtprop_engine redis;
rtprop_redis $url user=rtprop password_file=redis.password;
END
        files => { 'redis.password' => 'secret' });

    ok($nginx->wait_until(sub {
        (http()->get('/health')->{json}{status} // '') eq 'ok';
    }, 30), "$name: healthy");

    conversation('c1', 'ann', 'ben');
    my ($ann, $ben) = map { client(user => $_) } 'ann', 'ben';
    ok(joins($_, 'c1'), "$name: joined") for $ann, $ben;
    ok(says($ann, 'c1', 'hello'), "$name: said");
    ok(gets($ben, 'hello'), "$name: heard");

    is(auction('a1')->{status}, 201, "$name: an auction");
    my $cat = joined(cat => 'a1');
    is((bid($cat, a1 => 1100))[0]{amount}, 1100, "$name: a bid");

    my $kicked = api(DELETE => '/api/users/ben/connections');
    is($kicked->{json}{closed}, 1, "$name: kicked");
    is(api(GET => '/api/channels?prefix=conversation:')->{status}, 200,
       "$name: channels");

    $nginx->reload;
    ok(joins(client(user => 'ann'), 'c1'), "$name: after a reload");
    is(http()->get('/health')->{json}{engine}{status}, 'ok', "$name: status");
    unlike($nginx->log, qr/lacks a permission|NOPERM/, "$name: it may");

    my $client = $redis->connect;
    is($client->call(AUTH => 'rtprop', 'secret'), 'OK', "$name: the user");

    for (['SET', 'other', 1], ['FLUSHALL'], ['CONFIG', 'GET', '*'],
         ['KEYS', '*'], ['PUBLISH', 'other', 1], ['SCRIPT', 'FLUSH'],
         ['SHUTDOWN'])
    {
        my $answer = $client->call(@$_);
        like(ref $answer ? $$answer : $answer, qr/^(?:NOPERM|MOVED) /,
             "$name: it may not @$_");
    }
}


my $redis = RTProp::Redis->new(conf => $user)->start;
works('single', $redis, 'redis://127.0.0.1:' . $redis->port);

my ($masters) = RTProp::Redis->cluster(3, 0, conf => $user);
works('cluster', $masters->[0], 'cluster://127.0.0.1:' . $masters->[0]->port);

done_testing();
