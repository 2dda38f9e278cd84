#!/usr/bin/perl

# What the API tells of channels and connections; kicking a user.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Test;

my $nginx = rtprop_nginx(location => 'rtprop_user_connections 20;');


# a connection of its own each time: any worker may answer

sub ask {
    my ($method, $path) = @_;
    return http(bearer => API_KEY)->request($method, $path);
}


sub connections { ask(GET => "/api/users/$_[0]/connections")->{json} }


# channels

my @posted = map {
    api(POST => '/api/publish', { channel => "user:c$_", type => 'x' })->{json}
} 1 .. 5;

api(POST => '/api/publish', { channel => 'user:c1', type => 'x' });

for (1 .. 4) {
    my $one = ask(GET => '/api/channels/user:c1');

    is($one->{status}, 200, 'a channel');
    is_deeply($one->{json}, { channel => 'user:c1', subscribers => 0,
                              offset => 2, epoch => $posted[0]{epoch} },
              'and all of it, whatever worker answers');
}

my $unknown = ask(GET => '/api/channels/user:nobody');
is($unknown->{status}, 404, 'an unknown one');
is($unknown->{json}{code}, 'not_found', 'is not found');

my $list = ask(GET => '/api/channels?prefix=user:c');
is($list->{status}, 200, 'a list');
is_deeply([sort map { $_->{channel} } @{$list->{json}{channels}}],
          [map { "user:c$_" } 1 .. 5], 'by their prefix');
ok(!$list->{json}{has_more}, 'there are no more');

$list = ask(GET => '/api/channels?prefix=user:c&limit=3');
is(scalar @{$list->{json}{channels}}, 3, 'no more than asked for');
ok($list->{json}{has_more}, 'there are more');

$list = ask(GET => '/api/channels?prefix=42');
is_deeply($list->{json}, { channels => [], has_more => false },
          'a prefix of digits');


# subscribers

my $bob = client(user => 'bob');
my @ann = map {
    client(user => 'ann', claims => { conversations => ['c1'] })
} 1 .. 8;

for my $ws (@ann) {
    $ws->send_json('chat:join', { conversation_id => 'c1' });
    $ws->wait_for('chat:joined');
}

is(ask(GET => '/api/channels/conversation:c1')->{json}{subscribers}, 8,
   'subscribers of all workers');


# connections

my $ann = connections('ann');

is($ann->{user_id}, 'ann', 'connections of a user');
is($ann->{count}, 8, 'of all workers');
is_deeply([sort map { $_->{session_id} } @{$ann->{connections}}],
          [sort map { $_->{welcome}{payload}{session_id} } @ann],
          'by their session ids');

for my $connection (@{$ann->{connections}}) {
    is($connection->{address}, '127.0.0.1', 'an address');
    is($connection->{protocol}, 'native', 'a protocol');
    like($connection->{connected_at},
         qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, 'a time');
}

is_deeply(connections('nobody'), { user_id => 'nobody', connections => [],
                                   count => 0 }, 'nobody has none');

$ann[0]->close;
$nginx->wait_until(sub { connections('ann')->{count} == 7 });
is(connections('ann')->{count}, 7, 'one less');


# kicking

my $kick = ask(DELETE => '/api/users/ann/connections');

is($kick->{status}, 200, 'kicked');
is_deeply($kick->{json}, { closed => 7 }, 'all that were left');
is(($_->wait_close)[0], 1008, 'on all workers') for @ann[1 .. 7];

ok($bob->fence, 'nobody else');
$nginx->wait_until(sub { connections('ann')->{count} == 0 });
is(connections('ann')->{count}, 0, 'they are gone');
is_deeply(ask(DELETE => '/api/users/ann/connections')->{json}, { closed => 0 },
          'nobody to kick');

my $back = client(user => 'ann');
is(connections('ann')->{count}, 1, 'a kicked user may come back');

$_->close for $back, $bob;

done_testing();
